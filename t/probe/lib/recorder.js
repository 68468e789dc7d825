// A server that records the requests it gets.

import http from 'node:http';
import http2 from 'node:http2';
import { setTimeout as sleep } from 'node:timers/promises';

import { listen } from './hostile.js';

/** How long it takes over an answer, in milliseconds, so that requests can overlap. */
const EFFORT = 20;

/** Sends back every origin, answers preflights, and exposes a header. Beside `/data` there is nothing. */
function reflect(request, response) {
    const { origin } = request.headers;
    response.setHeader('Vary', 'Origin');
    response.setHeader('X-Total', '3');
    if (origin) {
        response.setHeader('Access-Control-Allow-Origin', origin);
        response.setHeader('Access-Control-Allow-Credentials', 'true');
        response.setHeader('Access-Control-Allow-Methods', 'GET, PUT, DELETE');
        response.setHeader('Access-Control-Expose-Headers', 'X-Total');
    }
    response.statusCode = request.url.startsWith('/data') ? 200 : 404;
    response.end();
}

export class Recorder {
    requests = [];
    connections = 0;
    /** How many requests it had at once, at most. */
    together = 0;
    #now = 0;

    /** Starts a recorder. `answer` is a request listener; with `identity`, a key and a certificate, it speaks HTTP/2. */
    static async start({ answer = reflect, identity } = {}) {
        const recorder = new Recorder();
        const record = (request, response) => recorder.#record(request, response, answer);
        const server = identity ? http2.createSecureServer(identity, record) : http.createServer(record);
        server.on('connection', () => { recorder.connections++; });
        const { port, close } = await listen(server);
        return Object.assign(recorder, { port, close });
    }

    async #record(request, response, answer) {
        this.together = Math.max(this.together, ++this.#now);
        const { method, url, headers } = request;
        const entry = { method, url, headers, at: performance.now(), body: 0 };
        this.requests.push(entry);
        request.on('data', (data) => { entry.body += data.length; });
        await sleep(EFFORT);
        this.#now--;
        answer(request, response);
    }
}
