// What the descriptions of servers have in common.

import cors from 'cors';
import express from 'express';

export const APP = 'https://app.example.com';
export const SHOP = 'https://shop.example.org';

/** A resource, and nothing beside it. */
export const DATA = 'location = /data { return 200 "data\\n"; } location / { return 404; }';

/** A preflight gets 204 and whatever `add_header` is in force. */
export const PREFLIGHT = 'if ($request_method = OPTIONS) { return 204; }';

const HEADERS = `
    add_header Access-Control-Allow-Origin $allowed@ always;
    add_header Vary Origin always;`;

const CREDENTIALS = 'add_header Access-Control-Allow-Credentials true always;';

/**
 * What people write for several origins: a `map` of the origins, and headers of its value. All is well with it but for
 * the entries.
 */
export function mapped(entries, { credentials = false } = {}) {
    return {
        http: `map $http_origin $allowed@ { default ""; ${entries} }`,
        server: `${HEADERS}${credentials ? CREDENTIALS : ''} ${PREFLIGHT} ${DATA}`,
    };
}

/** The same headers for everybody. */
export function fixed(...headers) {
    return { server: `${headers.map((header) => `add_header ${header} always;`).join(' ')} ${PREFLIGHT} ${DATA}` };
}

/** An Express application with a resource behind the middleware `cors`. `options` are the middleware's. */
export function corsApplication(options) {
    const app = express();
    app.use(cors(options));
    app.get('/data', (request, response) => response.send('data\n'));
    return { app };
}
