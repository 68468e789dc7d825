// Asks a server directly, as a browser would, and says what the browser makes of the response.

import http from 'node:http';

import { corsCheck } from '../../../nginx-conf/playground/fetch-standard.js';

const NAMES = ['Access-Control-Allow-Origin', 'Access-Control-Allow-Credentials', 'Access-Control-Allow-Methods',
    'Access-Control-Allow-Headers', 'Access-Control-Expose-Headers'];

export class Response {
    /** `lines` are pairs of name and value, as they came. */
    constructor(status, lines) {
        this.status = status;
        this.lines = lines;
    }

    /** The values of a header, one a line. */
    values(name) {
        return this.lines.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
    }

    /** The value of a header as browsers join its lines. */
    value(name) {
        const values = this.values(name);
        return values.length > 0 ? values.join(', ') : undefined;
    }

    /** What nginx-conf/playground/fetch-standard.js takes. */
    get browser() {
        return { status: this.status, headers: Object.fromEntries(NAMES.map((name) => [name, this.value(name)])) };
    }

    /** Whether a page may read this response by the CORS check. `credentials` is the mode: omit or include. */
    mayRead(origin, credentials = 'omit') {
        return corsCheck({ origin, credentials }, this.browser) === null;
    }

    /** Whether the response names this very origin, and not everybody. */
    names(origin) {
        return this.value('Access-Control-Allow-Origin') === origin;
    }

    /** Whether `Vary` names a header, or all of them. */
    variesBy(name) {
        const names = this.values('Vary').join(',').toLowerCase().split(',').map((part) => part.trim());
        return names.includes('*') || names.includes(name.toLowerCase());
    }
}

/** Sends one request on a connection of its own. Follows no redirect. `origin` may be null. */
export function ask(url, { method = 'GET', origin = null, headers = {} } = {}) {
    const sent = { ...headers, ...(origin === null ? {} : { Origin: origin }) };
    return new Promise((done, failed) => {
        const request = http.request(url, { method, headers: sent, agent: false }, (response) => {
            const { rawHeaders: raw } = response;
            const lines = [];
            for (let i = 0; i < raw.length; i += 2) lines.push([raw[i], raw[i + 1]]);
            response.resume().on('error', failed).on('end', () => done(new Response(response.statusCode, lines)));
        });
        request.on('error', failed).end();
    });
}

/** Sends the preflight of a request with this method, and these header names in lower case. */
export function askPreflight(url, { origin, method, headers = [] }) {
    const names = headers.length > 0 ? { 'Access-Control-Request-Headers': headers.toSorted().join(',') } : {};
    return ask(url, { method: 'OPTIONS', origin, headers: { 'Access-Control-Request-Method': method, ...names } });
}

let asked = 0;

/** The same resource at an address that nobody has asked before. */
export function fresh(url) {
    return `${url}?asked=${process.pid}-${++asked}`;
}

/** An address beside this one at which there is nothing. */
export function missing(url) {
    return new URL(`missing-${process.pid}-${++asked}`, url).href;
}
