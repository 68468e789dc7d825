// Servers that mean harm or are broken, over TLS and HTTP/2. The fields are those of hostile.js; `make` makes the
// server of a key and a certificate, those that `identity` names.

import { randomBytes } from 'node:crypto';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';

import * as frames from '../lib/frames.js';
import { flood, repeated } from '../lib/hostile.js';

const TLS = /TLS|handshake|certificate/i;
const CLOSED = /clos|reset|\bend(ed|s)?\b|incomplete|\beof\b|broke|before|GOAWAY|refused|cancel|abort/i;
const TIME = /\btime|timed out|seconds|too slow|too long/i;
const BROKEN = /HTTP\/2|protocol|frame|flood|too (many|large|big)|limit|clos|reset|GOAWAY|no answer within|excessive load|calm/i;

/** Sends back every origin. */
export function reflect(request, response) {
    const { origin } = request.headers;
    response.setHeader('Vary', 'Origin');
    if (origin) response.setHeader('Access-Control-Allow-Origin', origin);
    response.end('data\n');
}

function secure(identity) {
    return https.createServer(identity, reflect);
}

/** A server of HTTP/2 of Node.js that does something with each stream. */
function streams(answer) {
    return (identity) => http2.createSecureServer(identity)
        .on('sessionError', () => {})
        .on('session', (session) => session.on('error', () => {}))
        .on('stream', (stream, headers) => {
            stream.on('error', () => {});
            answer(stream, headers);
        });
}

/** A server that speaks HTTP/2 in bytes: when the first request has come, a beginning, and a piece without end. */
function flooding(begin, piece) {
    const many = repeated(piece.toString('latin1'));
    return (identity) => tls.createServer({ ...identity, ALPNProtocols: ['h2'] }, (socket) => {
        socket.once('data', () => flood(socket, {
            begin: Buffer.concat([frames.settings, frames.acknowledgement, ...begin]).toString('latin1'),
            piece: many,
        }));
    });
}

export const certificates = [
    {
        name: 'a certificate that nobody has signed',
        curl: 60,
        identity: 'selfSigned',
        make: secure,
        fails: /certificate.*(issuer|sign|trust|known|authority)/i,
    },
    {
        name: 'a certificate for another name',
        curl: 60,
        identity: 'otherName',
        make: secure,
        fails: /certificate.*(name|valid for)/i,
    },
    {
        name: 'a certificate that has expired',
        curl: 60,
        identity: 'expired',
        make: secure,
        fails: /certificate.*(expired|valid until)/i,
    },
    {
        name: 'a certificate of the future',
        curl: 60,
        identity: 'early',
        make: secure,
        fails: /certificate.*not.*(yet|before)/i,
    },
];

export const handshakes = [
    {
        name: 'HTTP in place of TLS',
        curl: 35,
        make: () => net.createServer((s) => s.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
        fails: TLS,
    },
    {
        name: 'random bytes in place of TLS',
        curl: 35,
        make: () => net.createServer((s) => s.end(randomBytes(4096))),
        fails: TLS,
    },
    {
        name: 'random bytes in a record of TLS',
        curl: 35,
        make: () => net.createServer((s) => {
            s.end(Buffer.concat([Buffer.from([0x16, 3, 3, 0x10, 0]), randomBytes(4096)]));
        }),
        fails: TLS,
    },
    {
        name: 'no answer to the handshake',
        curl: 28,
        make: () => net.createServer(() => {}),
        fails: TIME,
    },
    {
        name: 'closes during the handshake',
        curl: 35,
        make: () => net.createServer((s) => s.once('data', () => s.end())),
        fails: CLOSED,
    },
    {
        name: 'records without end',
        curl: 28,
        make: () => net.createServer((s) => {
            s.once('data', () => flood(s, { piece: repeated('\x16\x03\x03\x00\x04\x00\x00\x00\x00') }));
        }),
        // The handshake may be broken off, or be given up when it is late.
        fails: new RegExp(`${TLS.source}|${TIME.source}`, 'i'),
    },
];

export const http2Servers = [
    {
        name: 'resets every stream',
        curl: 92,
        make: streams((stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)),
        fails: CLOSED,
    },
    {
        name: 'refuses every stream',
        curl: 56,
        make: streams((stream) => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)),
        fails: CLOSED,
    },
    {
        name: 'GOAWAY in place of an answer',
        curl: 28,
        make: streams((stream) => stream.session.goaway(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)),
        // The connection stays open, so that a client may also wait.
        fails: new RegExp(`${CLOSED.source}|${TIME.source}`, 'i'),
    },
    {
        name: 'no answer in HTTP/2',
        curl: 28,
        make: streams(() => {}),
        fails: TIME,
    },
    {
        name: '103 without end in HTTP/2',
        curl: 28,
        make: streams((stream) => {
            const clock = setInterval(() => stream.additionalHeaders({ ':status': 103, link: '</style.css>' }), 1);
            stream.once('close', () => clearInterval(clock));
        }),
        fails: /1xx|103|interim|informational|final|limit|many|no answer within|reset|HTTP\/2/i,
    },
    {
        name: 'PING without end',
        curl: 28,
        make: flooding([], frames.ping),
        fails: BROKEN,
    },
    {
        name: 'SETTINGS without end',
        curl: 56,
        make: flooding([], frames.unknownSetting),
        fails: BROKEN,
    },
    {
        name: 'RST_STREAM without end',
        curl: 52,
        make: flooding([], frames.strayReset),
        fails: BROKEN,
    },
    {
        name: 'CONTINUATION without end',
        curl: 56,
        make: flooding([frames.headersBegun], frames.continuation),
        fails: BROKEN,
    },
    {
        name: 'empty CONTINUATION without end',
        curl: 56,
        make: flooding([frames.headersBegun], frames.emptyContinuation),
        fails: BROKEN,
    },
    {
        name: 'DATA without end',
        curl: 28,
        may: 'pass',
        make: flooding([frames.response], frames.data),
        fails: BROKEN,
    },
    {
        name: 'empty DATA without end',
        curl: 28,
        may: 'pass',
        make: flooding([frames.response], frames.emptyData),
        fails: BROKEN,
    },
    {
        name: 'a bomb of compressed headers',
        curl: 56,
        make: flooding([frames.compressedBomb], frames.ping),
        fails: BROKEN,
    },
    {
        name: 'random bytes in place of frames',
        curl: 52,
        make: flooding([randomBytes(4096)], randomBytes(64)),
        fails: BROKEN,
    },
];
