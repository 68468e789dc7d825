// What hostile servers are made of.

import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as turn } from 'node:timers/promises';

/** Starts a server of node:net, node:tls or node:http2 on a port of its own. */
export async function listen(server) {
    const sockets = new Set();
    for (const event of ['connection', 'secureConnection']) {
        server.on(event, (socket) => {
            // The probe may end a connection as it likes.
            socket.on('error', () => {});
            sockets.add(socket);
            socket.once('close', () => sockets.delete(socket));
        });
    }
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return {
        port: server.address().port,
        close() {
            server.close();
            sockets.forEach((socket) => socket.destroy());
        },
    };
}

/** Has a function answer the first request on each connection; it gets the socket and the text of the request. */
export function onRequest(answer) {
    return (socket) => {
        let text = '';
        socket.on('data', (data) => {
            const begun = text.includes('\r\n\r\n');
            text += data.toString('latin1');
            if (!begun && text.includes('\r\n\r\n')) answer(socket, text);
        });
    };
}

/** A complete response for the first request on each connection. */
export function replying(text) {
    return onRequest((socket, request) => {
        socket.end(Buffer.from(typeof text === 'function' ? text(request) : text, 'latin1'));
    });
}

/** The head of a response that sends back the origin, so that there is something to find. */
export function reflecting(request, ...lines) {
    const [, origin] = /^origin: (.*)\r$/im.exec(request) ?? [];
    const allowed = origin ? [`Access-Control-Allow-Origin: ${origin}`] : [];
    return ['HTTP/1.1 200 OK', 'Connection: close', 'Vary: Origin', ...allowed, ...lines, '', ''].join('\r\n');
}

/** Writes a beginning, and then a piece over and over, as fast as it is read, until so many bytes are written. */
export async function flood(socket, { begin = '', piece, bytes = Infinity }) {
    async function* pieces() {
        yield Buffer.from(begin, 'latin1');
        for (let written = 0; written < bytes; written += piece.length) {
            yield piece;
            // Other servers and the clock shall have their turn.
            await turn();
        }
    }
    await pipeline(Readable.from(pieces()), socket).catch(() => {});
}

/** So many bytes of a text that is repeated. */
export function repeated(text, bytes = 65536) {
    return Buffer.from(text.repeat(Math.ceil(bytes / text.length)), 'latin1');
}
