// Sound servers without the module: nothing is to be found.

import cors from 'cors';
import express from 'express';

import { APP, corsApplication, DATA, fixed, mapped, PREFLIGHT, SHOP } from './parts.js';

const EXACT = `${APP} $http_origin; ${SHOP} $http_origin;`;

/** An application of whose answers no two are the same. */
function changing() {
    const app = express();
    app.use(cors({ origin: APP }));
    app.get('/data', (request, response) => {
        response.vary('Accept-Encoding').set('X-Request-Id', `${Math.random()}`).cookie('session', `${Math.random()}`);
        response.send(`${Math.random()} for ${request.headers.origin}\n`);
    });
    return { app };
}

export const byHand = [
    {
        name: 'one origin for everybody, without Vary',
        why: 'the answer does not depend on who asks',
        origins: [APP, SHOP],
        ...fixed(`Access-Control-Allow-Origin ${APP}`),
    },
    {
        name: 'one origin for everybody, with credentials',
        why: 'its http: twin gets the same name, which is not its own',
        origins: [APP],
        ...fixed(`Access-Control-Allow-Origin ${APP}`, 'Access-Control-Allow-Credentials true'),
    },
    {
        name: '* without credentials',
        why: 'everybody may read, null and http: too, and nobody is named',
        origins: [APP, 'http://localhost:3000'],
        ...fixed('Access-Control-Allow-Origin *'),
    },
    {
        name: 'a map of origins with Vary',
        why: 'and with credentials',
        origins: [APP, SHOP],
        ...mapped(EXACT, { credentials: true }),
    },
    {
        name: 'an expression with a beginning and an end, for subdomains',
        why: 'letters before a subdomain make a subdomain',
        origins: [APP, 'https://a.b.example.com'],
        ...mapped('~^https://([a-z0-9-]+\\.)+example\\.com$ $http_origin;', { credentials: true }),
    },
    {
        name: 'either scheme without credentials',
        why: 'who can change pages of the http: twin can ask the server too',
        origins: [APP],
        ...mapped('~^https?://app\\.example\\.com$ $http_origin;'),
    },
    {
        name: 'any port of localhost',
        why: 'the port is a number to its end',
        origins: ['http://localhost:3000', 'http://localhost:5173'],
        ...mapped('~^http://localhost(:[0-9]+)?$ $http_origin;', { credentials: true }),
    },
    {
        name: 'origins that may not read',
        why: 'none that is given is in the list',
        origins: ['https://elsewhere.example', 'null'],
        ...mapped(EXACT),
    },
    {
        name: 'methods that are not listed',
        why: 'their preflights get 403 without a header, those of GET and POST pass',
        origins: [APP],
        http: `map $http_origin $allowed@ { default ""; ${APP} $http_origin; }
            map $http_access_control_request_method $listed@ { default ""; GET 1; HEAD 1; POST 1; }
            map $listed@$allowed@ $preflight@ { default ""; ~^1(?<origin>h.*)$ $origin; }`,
        server: `location = /data {
                add_header Vary "Origin, Access-Control-Request-Method" always;
                add_header Access-Control-Allow-Origin $allowed@ always;
                if ($request_method = OPTIONS) { rewrite ^ /preflight last; }
                return 200 "data\\n";
            }
            location = /preflight {
                internal;
                add_header Vary "Origin, Access-Control-Request-Method" always;
                add_header Access-Control-Allow-Origin $preflight@ always;
                if ($listed@ = "") { return 403; }
                return 204;
            }
            location / {
                add_header Vary Origin always;
                add_header Access-Control-Allow-Origin $allowed@ always;
                return 404;
            }`,
    },
    {
        name: 'no CORS at all',
        why: 'nobody may read, so that 405 and 404 mean nothing',
        origins: [APP],
        server: `if ($request_method = OPTIONS) { return 405; } ${DATA}`,
    },
    {
        name: 'a redirect of everything, without CORS',
        why: 'it is not followed',
        origins: [APP],
        server: 'return 302 https://elsewhere.invalid/;',
    },
    {
        name: 'OPTIONS for CORS only',
        why: 'the preflight is answered, an OPTIONS without its headers gets 405',
        origins: [APP],
        http: 'map $request_method$http_access_control_request_method $options@ { default ""; OPTIONS 1; }',
        server: `add_header Access-Control-Allow-Origin ${APP} always;
            if ($options@) { return 405; } ${PREFLIGHT} ${DATA}`,
    },
    {
        name: 'preflights with 200 and a body',
        why: 'any 2xx passes',
        origins: [APP],
        server: `add_header Access-Control-Allow-Origin ${APP} always;
            if ($request_method = OPTIONS) { return 200 "fine\\n"; } ${DATA}`,
    },
    {
        name: 'Vary in lower case, in two lines, among others',
        why: 'it is a list without regard to case',
        origins: [APP],
        http: `map $http_origin $allowed@ { default ""; ${APP} $http_origin; }`,
        server: `add_header Access-Control-Allow-Origin $allowed@ always; add_header Vary accept-encoding always;
            add_header vary "cookie,origin" always; ${PREFLIGHT} ${DATA}`,
    },
    {
        name: 'Vary: *',
        why: 'it stands for everything',
        origins: [APP],
        http: `map $http_origin $allowed@ { default ""; ${APP} $http_origin; }`,
        server: `add_header Access-Control-Allow-Origin $allowed@ always; add_header Vary * always; ${PREFLIGHT} ${DATA}`,
    },
    {
        name: 'a preflight without Vary',
        why: 'no cache stores the answer to OPTIONS (RFC 9110, section 9.3.7)',
        origins: [APP, SHOP],
        http: `map $http_origin $allowed@ { default ""; ${EXACT} }`,
        server: `location = /data {
                add_header Vary Origin always;
                add_header Access-Control-Allow-Origin $allowed@ always;
                if ($request_method = OPTIONS) { add_header Access-Control-Allow-Origin $allowed@; return 204; }
                return 200 "data\\n";
            }
            location / {
                add_header Vary Origin always;
                add_header Access-Control-Allow-Origin $allowed@ always;
                return 404;
            }`,
    },
    {
        name: 'every path is the page of an application',
        why: 'there is no error to read',
        origins: [APP],
        server: `add_header Access-Control-Allow-Origin ${APP}; ${PREFLIGHT} location / { return 200 "page\\n"; }`,
    },
    {
        name: 'methods and exposed headers in two lines each',
        why: 'these headers are lists, and lines of a list are joined',
        origins: [APP],
        ...fixed(`Access-Control-Allow-Origin ${APP}`, 'Access-Control-Expose-Headers ETag',
            'Access-Control-Expose-Headers Date', 'Access-Control-Allow-Methods GET',
            'Access-Control-Allow-Methods PUT'),
    },
    {
        name: 'a cache that acts on Vary',
        why: 'it stores an answer for each origin',
        origins: [APP, SHOP],
        backend: mapped(EXACT),
        http: 'proxy_cache_path cache@ keys_zone=cache@:1m;',
        server: `location / { proxy_pass http://@BACKEND@; proxy_cache cache@; proxy_cache_valid any 10m;
            proxy_cache_key $host$request_uri; }`,
    },
    {
        name: 'a cache before one origin for everybody',
        why: 'what it stores is the same for all',
        origins: [APP, SHOP],
        backend: fixed(`Access-Control-Allow-Origin ${APP}`),
        http: 'proxy_cache_path cache@ keys_zone=cache@:1m;',
        server: `location / { proxy_pass http://@BACKEND@; proxy_cache cache@; proxy_cache_valid any 10m;
            proxy_cache_key $host$request_uri; }`,
    },
];

export const express5 = [
    {
        name: 'a list, with credentials',
        why: 'the middleware sets Vary, whoever asks',
        origins: [APP, SHOP],
        ...corsApplication({ origin: [APP, SHOP], credentials: true }),
    },
    {
        name: 'an expression with a beginning and an end',
        why: 'a label of letters may be any',
        origins: [APP],
        ...corsApplication({ origin: /^https:\/\/[a-z0-9]+\.example\.com$/ }),
    },
    {
        name: 'the defaults',
        why: 'they are * without credentials',
        origins: [APP],
        ...corsApplication(),
    },
    {
        name: 'preflights with 200, of one method',
        why: 'a method that is not listed is no finding',
        origins: [APP],
        ...corsApplication({ origin: APP, methods: ['GET'], optionsSuccessStatus: 200 }),
    },
    {
        name: 'no two answers with the same body, cookie or identifier',
        why: 'only what CORS headers say is compared',
        origins: [APP],
        ...changing(),
    },
    {
        name: 'no CORS at all',
        why: 'nobody may read',
        origins: [APP],
        app: express().get('/data', (request, response) => response.send('data\n')),
    },
];
