// Servers that mean harm or are broken, over plain TCP.
//
// `connected` is what a server does with a connection, and `fails` is what the line of the probe has to say. Where there
// is an answer to judge by, the probe may do so instead: `may` is then `find`, where every origin is sent back; `pass`,
// where nothing is wrong by the table; or `either`. `curl` is the exit status, or are those, with which curl gives up
// on the server: it shows that the server does what its name says.

import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';

import { flood, onRequest, reflecting, repeated, replying } from '../lib/hostile.js';

const GIGABYTE = 1024 ** 3;

/** A gigabyte of zeros, compressed: members of gzip, one after the other. */
const bomb = Buffer.concat(Array(16).fill(gzipSync(Buffer.alloc(GIGABYTE / 16))));

const TIME = /\btime|timed out|seconds|too slow|too long/i;
const CLOSED = /clos|reset|\bend(ed|s)?\b|incomplete|\beof\b|broke|before/i;
const NOT_HTTP = /not .*HTTP|no HTTP|invalid|malformed|pars|unexpected|understand/i;
const TOO_LARGE = /large|big|long|limit|more than|many|exceed|overflow/i;

/** A text that a terminal would obey: it clears the screen, and rings. */
const ESCAPES = '\x1b[2J\x07\x1b]0;title\x07';

/** The beginning of a control sequence in one character, U+009B, in UTF-8. */
const CONTROL_SEQUENCE = '\xc2\x9b2J';

/** Sends a text a byte a second, for ever. */
function drip(socket, text) {
    let sent = 0;
    const clock = setInterval(() => socket.write(text[sent++] ?? 'x'), 1000);
    socket.once('close', () => clearInterval(clock));
}

/** Answers with a beginning and a piece without end. */
function flooding(begin, text, bytes) {
    return onRequest((socket, request) => {
        const head = typeof begin === 'function' ? begin(request) : begin;
        flood(socket, { begin: head, piece: typeof text === 'string' ? repeated(text) : text, bytes });
    });
}

const timing = [
    {
        name: 'never answers',
        curl: 28,
        connected: () => {},
        fails: TIME,
    },
    {
        name: 'a byte a second',
        curl: 28,
        connected: onRequest((socket) => drip(socket, 'HTTP/1.1 200 OK\r\nX-Slow: ')),
        fails: TIME,
    },
    {
        name: 'a byte of the body a second',
        curl: 28,
        may: 'find',
        connected: onRequest((socket, request) => {
            socket.write(reflecting(request, 'Content-Length: 1000000'));
            drip(socket, 'body');
        }),
        fails: TIME,
    },
];

const closing = [
    {
        name: 'closes at once',
        curl: [52, 56],
        connected: (socket) => socket.destroy(),
        fails: CLOSED,
    },
    {
        name: 'resets at once',
        curl: 56,
        connected: (socket) => socket.resetAndDestroy(),
        fails: CLOSED,
    },
    {
        name: 'closes after the request',
        curl: 52,
        connected: onRequest((socket) => socket.end()),
        fails: CLOSED,
    },
    {
        // curl is content with a head that has no end.
        name: 'closes in the middle of the head',
        curl: 0,
        connected: replying('HTTP/1.1 200 OK\r\nX-Half: '),
        fails: CLOSED,
    },
    {
        name: 'closes in the middle of the body',
        curl: 18,
        may: 'find',
        connected: replying((request) => `${reflecting(request, 'Content-Length: 1000')}ten bytes.`),
        fails: CLOSED,
    },
];

const garbage = [
    {
        name: 'random bytes',
        curl: 1,
        connected: onRequest((socket) => socket.end(randomBytes(4096))),
        fails: NOT_HTTP,
    },
    {
        name: 'another protocol',
        curl: 1,
        connected: (socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'),
        fails: NOT_HTTP,
    },
    {
        name: 'HTTP/0.9',
        curl: 1,
        connected: replying('<html>hello</html>\r\n'),
        fails: NOT_HTTP,
    },
    {
        name: 'a status of five digits',
        curl: 1,
        connected: replying('HTTP/1.1 20000 OK\r\n\r\n'),
        fails: NOT_HTTP,
    },
    {
        name: 'TLS where there should be none',
        curl: 1,
        connected: replying('\x15\x03\x03\x00\x02\x02\x28'),
        fails: NOT_HTTP,
    },
    {
        name: 'two lengths',
        curl: 18,
        may: 'find',
        connected: replying((request) => `${reflecting(request, 'Content-Length: 1', 'Content-Length: 2')}x`),
        fails: NOT_HTTP,
    },
];

const endless = [
    {
        name: 'a gigabyte of headers',
        curl: 56,
        connected: flooding('HTTP/1.1 200 OK\r\n', 'X-Header: value\r\n', GIGABYTE),
        fails: TOO_LARGE,
    },
    {
        name: 'a gigabyte of one header',
        curl: 27,
        connected: flooding('HTTP/1.1 200 OK\r\nX-Header: ', 'value', GIGABYTE),
        fails: TOO_LARGE,
    },
    {
        name: 'a status line without end',
        curl: 27,
        connected: flooding('HTTP/1.1 200 ', 'O'),
        fails: TOO_LARGE,
    },
    {
        name: 'a body without end',
        curl: 28,
        may: 'find',
        connected: flooding((request) => reflecting(request), 'body '),
        fails: TOO_LARGE,
    },
    {
        name: 'chunks without end',
        curl: 28,
        may: 'find',
        connected: flooding((request) => reflecting(request, 'Transfer-Encoding: chunked'), '4\r\nbody\r\n'),
        fails: TOO_LARGE,
    },
    {
        name: 'a trailer without end',
        curl: 28,
        may: 'find',
        connected: flooding((request) => `${reflecting(request, 'Transfer-Encoding: chunked')}0\r\n`,
            'X-Trailer: value\r\n'),
        fails: TOO_LARGE,
    },
    {
        name: 'a size of a chunk without end',
        curl: 56,
        may: 'find',
        connected: flooding((request) => reflecting(request, 'Transfer-Encoding: chunked'), '0'),
        fails: TOO_LARGE,
    },
    {
        name: 'a gigabyte in a megabyte of gzip',
        curl: 0,
        may: 'find',
        connected: onRequest((socket, request) => {
            flood(socket, {
                begin: reflecting(request, 'Content-Encoding: gzip', `Content-Length: ${bomb.length}`),
                piece: bomb,
                bytes: 1,
            });
        }),
        fails: TOO_LARGE,
    },
];

const statuses = [
    {
        name: '101 to every request',
        curl: 52,
        connected: replying('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'),
        fails: /101|switch|upgrad|protocol/i,
    },
    {
        name: '103 without end',
        curl: 56,
        connected: flooding('', 'HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n'),
        fails: /1xx|103|interim|informational|final|early hints|limit|many|no answer within/i,
    },
    {
        name: '100 every second',
        curl: 28,
        connected: onRequest((socket) => {
            const clock = setInterval(() => socket.write('HTTP/1.1 100 Continue\r\n\r\n'), 1000);
            socket.once('close', () => clearInterval(clock));
        }),
        fails: /1xx|100|interim|informational|final|limit|many|no answer within/i,
    },
    {
        name: 'a redirect to itself',
        curl: 0,
        may: 'pass',
        connected: replying('HTTP/1.1 302 Found\r\nLocation: /data\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'),
        fails: /redirect|302/i,
    },
];

/** Answers that a terminal would obey. The names in them are for findings to quote. */
const control = [
    ['escapes in an origin', (request) => reflecting(request, `Access-Control-Allow-Origin: https://a${ESCAPES}`)],
    ['escapes in a list of origins', () => plain(`Access-Control-Allow-Origin: https://a, https://${ESCAPES}`)],
    ['one-byte escapes in a list', () => plain(`Access-Control-Allow-Origin: https://a, https://${CONTROL_SEQUENCE}`)],
    ['bytes beyond ASCII in a list', () => plain('Access-Control-Allow-Origin: https://\xff\xfe, https://\xe4.example')],
    ['escapes in Vary', (request) => reflecting(request, `Vary: ${ESCAPES}`)],
    ['escapes in a reason', () => `HTTP/1.1 200 ${ESCAPES}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`],
    ['one-byte escapes in a reason', () => `HTTP/1.1 500 ${CONTROL_SEQUENCE}\r\nContent-Length: 0\r\n\r\n`],
    ['escapes in a redirect', () => `HTTP/1.1 302 Found\r\nLocation: http://${ESCAPES}/\r\nContent-Length: 0\r\n\r\n`],
    ['escapes in place of a status', () => `HTTP/1.1 ${ESCAPES}\r\n\r\n`],
].map(([name, answer]) => ({ name, curl: [0, 1], may: 'either', connected: replying(answer), fails: NOT_HTTP }));

function plain(...lines) {
    return ['HTTP/1.1 200 OK', 'Content-Length: 0', 'Connection: close', ...lines, '', ''].join('\r\n');
}

export const hostile = [...timing, ...closing, ...garbage, ...endless, ...statuses];

export { control };
