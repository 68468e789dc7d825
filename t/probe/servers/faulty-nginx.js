// Faulty servers in the words of nginx, without the module: what people write by hand.
//
// `expected` is the complete list of what holds, sorted; `why` says what each server does.

import { APP, DATA, mapped, fixed, PREFLIGHT, SHOP } from './parts.js';

export const byHand = [
    {
        name: 'whatever comes in Origin, with credentials',
        why: 'null and the http: twin are sent back like all others, and Vary is forgotten',
        origins: [APP],
        expected: ['allows-insecure-scheme', 'allows-null', 'missing-vary', 'reflects-any-origin'],
        ...fixed('Access-Control-Allow-Origin $http_origin', 'Access-Control-Allow-Credentials true'),
    },
    {
        name: 'whatever comes in Origin, without credentials',
        why: 'null is sent back too; without credentials the scheme is nothing',
        origins: [APP],
        expected: ['allows-null', 'reflects-any-origin'],
        ...fixed('Access-Control-Allow-Origin $http_origin', 'Vary Origin'),
    },
    {
        name: 'every https origin by an expression',
        why: 'null and http: do not match',
        origins: [APP],
        expected: ['reflects-any-origin'],
        ...mapped('~^https:// $http_origin;', { credentials: true }),
    },
    {
        name: 'an expression without an end',
        why: 'what follows the host may be a dot or a special character',
        origins: [APP],
        expected: ['matches-prefix', 'special-characters'],
        ...mapped('~^https://app\\.example\\.com $http_origin;'),
    },
    {
        name: 'an expression that lets labels follow',
        why: 'only a dot may follow the host',
        origins: [APP],
        expected: ['matches-prefix'],
        ...mapped('~^https://app\\.example\\.com(\\..*)?$ $http_origin;'),
    },
    {
        name: 'an expression without a beginning',
        why: 'letters may precede the host; without credentials the scheme is nothing',
        origins: [APP],
        expected: ['matches-suffix'],
        ...mapped('~app\\.example\\.com$ $http_origin;'),
    },
    {
        name: 'an expression without a beginning, with credentials',
        why: 'the http: twin matches too',
        origins: [APP],
        expected: ['allows-insecure-scheme', 'matches-suffix'],
        ...mapped('~app\\.example\\.com$ $http_origin;', { credentials: true }),
    },
    {
        name: 'subdomains, by an expression without a dot before the domain',
        why: 'zexample.com is another domain, and appxexample.com is one for the same reason; that all subdomains may read is not the fault',
        origins: [APP],
        expected: ['matches-suffix'],
        ...mapped('~^https://.*example\\.com$ $http_origin;'),
    },
    {
        name: 'dots without a backslash',
        why: 'https://appxexample.com is another domain',
        origins: [APP],
        expected: ['unescaped-dot'],
        ...mapped('~^https://app.example.com$ $http_origin;'),
    },
    {
        name: 'one dot without a backslash, the second of three',
        why: 'https://api.appxexample.com is below another domain',
        origins: ['https://api.app.example.com'],
        expected: ['unescaped-dot'],
        ...mapped('~^https://api\\.app.example\\.com$ $http_origin;'),
    },
    {
        name: 'an expression that goes on behind anything but letters, digits, dots, colons and hyphens',
        why: 'all special characters do',
        origins: [APP],
        expected: ['special-characters'],
        ...mapped('"~^https://app\\.example\\.com(?![a-z0-9.:-])" $http_origin;'),
    },
    {
        name: 'an expression that goes on behind a low line',
        why: 'of the special characters one does',
        origins: [APP],
        expected: ['special-characters'],
        ...mapped('"~^https://app\\.example\\.com(_.*)?$" $http_origin;'),
    },
    {
        name: 'null in a list',
        why: 'every sandboxed frame is null',
        origins: [APP],
        expected: ['allows-null'],
        ...mapped(`null $http_origin; ${APP} $http_origin;`),
    },
    {
        name: 'null for everybody',
        why: 'a static value, so that Vary is not needed',
        origins: [APP],
        expected: ['allows-null'],
        ...fixed('Access-Control-Allow-Origin null'),
    },
    {
        name: 'either scheme, with credentials',
        why: 'a page of the http: twin can be anybody’s in a foreign network',
        origins: [APP],
        expected: ['allows-insecure-scheme'],
        ...mapped('~^https?://app\\.example\\.com$ $http_origin;', { credentials: true }),
    },
    {
        name: '* with credentials',
        why: 'browsers refuse that for requests with credentials, so somebody meant something else',
        origins: [APP],
        expected: ['wildcard-with-credentials'],
        ...fixed('Access-Control-Allow-Origin *', 'Access-Control-Allow-Credentials true'),
    },
    {
        name: 'a list with commas',
        why: 'no page may read, so nothing else is looked at',
        origins: [APP, SHOP],
        expected: ['multiple-origins'],
        ...fixed(`Access-Control-Allow-Origin "${APP}, ${SHOP}"`),
    },
    {
        name: 'a list with spaces',
        why: 'as an older version of the standard had it',
        origins: [APP, SHOP],
        expected: ['multiple-origins'],
        ...fixed(`Access-Control-Allow-Origin "${APP} ${SHOP}"`),
    },
    {
        name: 'the application adds an origin, and nginx adds one',
        why: 'no page may read',
        origins: [APP],
        expected: ['duplicate-headers'],
        backend: fixed(`Access-Control-Allow-Origin ${APP}`),
        server: 'add_header Access-Control-Allow-Origin * always; location / { proxy_pass http://@BACKEND@; }',
    },
    {
        name: 'the application allows credentials, and nginx does',
        why: '“true, true” is not “true”; without credentials the page may read',
        origins: [APP],
        expected: ['duplicate-headers'],
        backend: fixed('Access-Control-Allow-Credentials true'),
        server: `add_header Access-Control-Allow-Origin ${APP} always;
            add_header Access-Control-Allow-Credentials true always;
            location / { proxy_pass http://@BACKEND@; }`,
    },
    {
        name: 'a map of origins without Vary',
        why: 'the answer differs between origins',
        origins: [APP, SHOP],
        expected: ['missing-vary'],
        http: `map $http_origin $allowed@ { default ""; ${APP} $http_origin; ${SHOP} $http_origin; }`,
        server: `add_header Access-Control-Allow-Origin $allowed@ always; ${PREFLIGHT} ${DATA}`,
    },
    {
        name: 'Vary for allowed origins only',
        why: 'the answer without an origin can be stored, and given to a page that could read',
        origins: [APP],
        expected: ['missing-vary'],
        http: `map $http_origin $allowed@ { default ""; ${APP} $http_origin; }
            map $http_origin $vary@ { default ""; ${APP} Origin; }`,
        server: `add_header Access-Control-Allow-Origin $allowed@ always; add_header Vary $vary@ always;
            ${PREFLIGHT} ${DATA}`,
    },
    {
        name: '* where there is an origin',
        why: 'the answer differs between a request with an origin and one without',
        origins: [APP],
        expected: ['missing-vary'],
        http: 'map $http_origin $allowed@ { "" ""; default "*"; }',
        server: `add_header Access-Control-Allow-Origin $allowed@ always; ${PREFLIGHT} ${DATA}`,
    },
    {
        name: 'Vary with another header alone',
        why: 'it names Accept-Encoding',
        origins: [APP],
        expected: ['missing-vary'],
        http: `map $http_origin $allowed@ { default ""; ${APP} $http_origin; }`,
        server: `add_header Access-Control-Allow-Origin $allowed@ always; add_header Vary Accept-Encoding always;
            ${PREFLIGHT} ${DATA}`,
    },
    {
        name: 'an application that knows no OPTIONS',
        why: 'the preflight gets 405, although with the header',
        origins: [APP],
        expected: ['preflight-fails'],
        server: `add_header Access-Control-Allow-Origin ${APP} always;
            if ($request_method = OPTIONS) { return 405; } ${DATA}`,
    },
    {
        name: 'add_header in the location, and a preflight that is answered in an if',
        why: 'the if has an add_header of its own, so those of the location are gone',
        origins: [APP],
        expected: ['preflight-fails'],
        server: `location = /data {
                add_header Access-Control-Allow-Origin ${APP} always;
                if ($request_method = OPTIONS) { add_header Content-Length 0; return 204; }
                return 200 "data\\n";
            }
            location / { add_header Access-Control-Allow-Origin ${APP} always; return 404; }`,
    },
    {
        name: 'a password before the preflight',
        why: 'browsers send none with a preflight, which gets 401',
        origins: [APP],
        headers: { Authorization: 'Bearer token' },
        expected: ['preflight-fails'],
        server: `add_header Access-Control-Allow-Origin ${APP} always;
            if ($http_authorization = "") { return 401; } ${PREFLIGHT} ${DATA}`,
    },
    {
        name: 'who is not known is sent to the login',
        why: 'a preflight carries nothing by which it could be known',
        origins: [APP],
        headers: { Authorization: 'Bearer token' },
        expected: ['preflight-redirects'],
        server: `add_header Access-Control-Allow-Origin ${APP} always;
            if ($http_authorization = "") { return 302 /login; } ${PREFLIGHT} ${DATA}`,
    },
    {
        name: 'OPTIONS goes to another host',
        why: 'browsers follow no redirect of a preflight',
        origins: [APP],
        expected: ['preflight-redirects'],
        server: `add_header Access-Control-Allow-Origin ${APP} always;
            if ($request_method = OPTIONS) { return 308 https://options.invalid$request_uri; } ${DATA}`,
    },
    {
        name: 'add_header without always',
        why: 'nginx then adds it to some statuses only, and 404 is none of them',
        origins: [APP],
        expected: ['errors-unreadable'],
        server: `add_header Access-Control-Allow-Origin ${APP}; ${PREFLIGHT} ${DATA}`,
    },
    {
        name: 'add_header in one location',
        why: 'what is not found is not found in another',
        origins: [APP],
        expected: ['errors-unreadable'],
        server: `location = /data { add_header Access-Control-Allow-Origin ${APP} always;
                if ($request_method = OPTIONS) { return 204; } return 200 "data\\n"; }
            location / { return 404; }`,
    },
    {
        name: 'much at once',
        why: 'an expression without beginning and end, credentials, neither always nor Vary, and 405 for OPTIONS',
        origins: [APP],
        expected: ['allows-insecure-scheme', 'errors-unreadable', 'matches-prefix', 'matches-suffix', 'missing-vary',
            'preflight-fails', 'special-characters', 'unescaped-dot'],
        http: 'map $http_origin $allowed@ { default ""; ~app.example.com $http_origin; }',
        server: `add_header Access-Control-Allow-Origin $allowed@; add_header Access-Control-Allow-Credentials true;
            if ($request_method = OPTIONS) { return 405; } ${DATA}`,
    },
];
