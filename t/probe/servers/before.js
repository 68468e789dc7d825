// Servers as they are before a policy is in force, and the policies.

import cors from 'cors';
import express from 'express';

import { APP, fixed, PREFLIGHT, SHOP } from './parts.js';

/** Origins that the probe is given. */
export const ORIGINS = [APP, SHOP, 'https://admin.example.net', 'http://localhost:3000', 'null',
    'https://elsewhere.example'];

export const DOCUMENT = `version: 1
policies:
  list:
    allow_origins: [${APP}, ${SHOP}]
    allow_methods: [GET, POST, PUT]
    allow_headers: [Content-Type, Authorization]
    expose_headers: [ETag]
    allow_credentials: true
  anyone:
    allow_origins: ["*"]
    allow_methods: [GET]
    expose_headers: [X-Total]
  merged:
    allow_origins: [${APP}, "https://*.example.net", "http://localhost:*"]
    allow_methods: [GET, DELETE]
    allow_headers: [X-Requested-With]
    expose_headers: [ETag]
    upstream_headers: merge
  takeover:
    allow_origins: [${APP}]
    upstream_headers: keep
    preflight: forward
`;

export const POLICIES = ['list', 'anyone', 'merged', 'takeover'];

const PAGES = 'X-Total 3';
const METHODS = 'Access-Control-Allow-Methods';
const HEADERS = 'Access-Control-Allow-Headers';
const EXPOSE = 'Access-Control-Expose-Headers';

/** A map of origins, with credentials. */
function list(...headers) {
    return {
        http: `map $http_origin $allowed@ { default ""; ${APP} $http_origin; ${SHOP} $http_origin; }
            map $allowed@ $credentials@ { default true; "" ""; }`,
        ...fixed('Access-Control-Allow-Origin $allowed@', 'Access-Control-Allow-Credentials $credentials@',
            'Vary Origin', PAGES, ...headers),
    };
}

function application(options) {
    const app = express();
    app.use(cors(options));
    app.get('/data', (request, response) => response.set('X-Total', '3').send('data\n'));
    return { app };
}

export const servers = [
    { name: 'no CORS at all', ...fixed(PAGES) },
    {
        name: 'one origin for everybody',
        ...fixed(`Access-Control-Allow-Origin ${APP}`, `${EXPOSE} X-Total`, PAGES),
    },
    { name: '*', ...fixed('Access-Control-Allow-Origin *', PAGES) },
    {
        name: '* for origins, methods, headers and exposed headers',
        ...fixed('Access-Control-Allow-Origin *', `${METHODS} *`, `${HEADERS} *`, `${EXPOSE} *`, PAGES),
    },
    {
        name: 'a map of origins',
        ...list(`${METHODS} "GET, POST, PUT, DELETE"`, `${HEADERS} "Content-Type, X-Csrf"`, `${EXPOSE} "X-Total, ETag"`),
    },
    {
        name: 'what the policy list says, in nginx’s words',
        ...list(`${METHODS} "GET, POST, PUT"`, `${HEADERS} "Content-Type, Authorization"`, `${EXPOSE} ETag`),
    },
    {
        name: 'what the policy list says, and one more exposed header',
        ...list(`${METHODS} "GET, POST, PUT"`, `${HEADERS} "Content-Type, Authorization"`, `${EXPOSE} "ETag, X-Total"`),
    },
    {
        name: 'every origin, with credentials',
        ...fixed('Access-Control-Allow-Origin $http_origin', 'Access-Control-Allow-Credentials true', 'Vary Origin',
            `${METHODS} "GET, POST, PUT, PATCH, DELETE"`, PAGES),
    },
    {
        name: '405 for preflights',
        server: list().server.replace(PREFLIGHT, 'if ($request_method = OPTIONS) { return 405; }'),
        http: list().http,
    },
    {
        name: 'two lines of one origin',
        ...fixed(`Access-Control-Allow-Origin ${APP}`, `Access-Control-Allow-Origin ${APP}`, PAGES),
    },
    {
        name: 'Express with a list',
        ...application({ origin: [APP, SHOP, 'https://admin.example.net'], exposedHeaders: ['X-Total'] }),
    },
    {
        name: 'Express with every origin, credentials and headers of its own',
        ...application({ origin: true, credentials: true, allowedHeaders: ['X-Token'], methods: ['GET', 'PATCH'] }),
    },
];
