// Faulty servers with a cache of nginx before them.

import { APP, corsApplication, fixed, mapped, SHOP } from './parts.js';

/** A cache that stores answers, by their address unless another key is given. */
function cached(backend, { key = '$host$request_uri', more = '' } = {}) {
    return {
        backend,
        http: 'proxy_cache_path cache@ keys_zone=cache@:1m;',
        server: `location / {
            proxy_pass http://@BACKEND@;
            proxy_set_header Origin $http_origin;
            proxy_cache cache@;
            proxy_cache_key ${key};
            proxy_cache_valid any 10m;
            ${more}
        }`,
    };
}

const LIST = `${APP} $http_origin; ${SHOP} $http_origin;`;

/** A list of origins whose answers do not name Vary. */
const listWithoutVary = {
    http: `map $http_origin $allowed@ { default ""; ${LIST} }`,
    server: `add_header Access-Control-Allow-Origin $allowed@ always;
        if ($request_method = OPTIONS) { return 204; }
        location = /data { return 200 "data\\n"; } location / { return 404; }`,
};

export const caches = [
    {
        name: 'a cache that is told to ignore Vary',
        why: 'Vary is there, and the cache does not act on it',
        origins: [APP, SHOP],
        expected: ['cache-mixes-origins'],
        ...cached(mapped(LIST), { more: 'proxy_ignore_headers Vary;' }),
    },
    {
        name: 'a cache before an application that forgets Vary',
        why: 'an address that nobody has asked shows that the answer differs',
        origins: [APP, SHOP],
        expected: ['cache-mixes-origins', 'missing-vary'],
        ...cached(listWithoutVary),
    },
    {
        name: 'a cache before an application that sends back every origin, without Vary',
        why: 'whoever asks first is named to all that follow',
        origins: [APP, SHOP],
        expected: ['allows-null', 'cache-mixes-origins', 'missing-vary', 'reflects-any-origin'],
        ...cached(fixed('Access-Control-Allow-Origin $http_origin')),
    },
    {
        name: 'a cache that ignores Vary, before Express',
        why: 'the middleware sets Vary',
        origins: [APP, SHOP],
        expected: ['cache-mixes-origins'],
        ...cached(corsApplication({ origin: [APP, SHOP] }), { more: 'proxy_ignore_headers Vary;' }),
    },
    {
        name: 'a cache with the origin in its key, before an application that forgets Vary',
        why: 'this cache keeps origins apart, and those of others cannot know',
        origins: [APP, SHOP],
        expected: ['missing-vary'],
        ...cached(listWithoutVary, { key: '$host$request_uri$http_origin' }),
    },
];
