// What else than fetch() asks for permission: fonts, module scripts, images, timings; and
// WebSockets, which do not.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import http from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import { Site } from './lib/site.js';

const APP = 'https://app.example.com';
const EVIL = 'https://evil.example';
const NO_HEADER = "No 'Access-Control-Allow-Origin' header is present on the requested resource.";

let site;
let application;
const handshakes = [];

before(async () => {
    site = await Site.open();
    application = await websocketApplication(join(site.nginx.folder, 'websocket.sock'));
});
after(async () => {
    application?.close();
    application?.closeAllConnections();
    await site?.close();
});

/** Accepts every handshake, and sends the message `hello`. */
function websocketApplication(path) {
    const server = http.createServer();
    server.on('upgrade', (request, socket) => {
        handshakes.push(request.url);
        const accept = createHash('sha1')
            .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
            .digest('base64');
        socket.on('error', () => {}).on('data', () => socket.end());
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
            + `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
        socket.write(Buffer.concat([Buffer.from([0x81, 5]), Buffer.from('hello')]));
    });
    return new Promise((listening) => server.listen(path, () => listening(server)));
}

/** What a page gets with a function that takes the URL, and what nginx logged. */
async function use(origin, path, take, host) {
    const url = site.url(path, host);
    const page = await site.page(origin);
    const seen = await page.evaluate(take, url);
    return { seen, url, nginx: await site.logged(url) };
}

const font = (url) => new FontFace('Box', `url(${url})`).load()
    .then((face) => face.status, (error) => error.name);

test('a font', async () => {
    const { seen, nginx } = await use(APP, '/api/files/box.woff2', font);
    assert.equal(seen, 'loaded');
    assert.deepEqual(nginx, [`GET 200 api allowed ${APP}`]);
});

test('a font that a page of another origin asks for', async () => {
    const { seen, url, nginx } = await use(EVIL, '/api/files/box.woff2', font);
    assert.equal(seen, 'NetworkError');
    assert.equal(await site.message(url), NO_HEADER);
    assert.deepEqual(nginx, ['GET 200 api denied_origin']);
});

const script = (url) => import(url).then((module) => module.answer, (error) => error.name);

test('a module script', async () => {
    const { seen, nginx } = await use(APP, '/api/files/answer.js', script);
    assert.equal(seen, 42);
    assert.deepEqual(nginx, [`GET 200 api allowed ${APP}`]);
});

test('a module script that a page of another origin asks for', async () => {
    const { seen, url, nginx } = await use(EVIL, '/api/files/answer.js', script);
    assert.equal(seen, 'TypeError');
    assert.equal(await site.message(url), NO_HEADER);
    assert.deepEqual(nginx, ['GET 200 api denied_origin']);
});

/** Draws an image and reads its first pixel back. */
const draw = (url) => new Promise((done) => {
    const { searchParams } = new URL(url);
    const img = Object.assign(new Image(), { crossOrigin: searchParams.get('crossorigin') });
    img.onerror = () => done('not loaded');
    img.onload = () => {
        const context = document.createElement('canvas').getContext('2d');
        context.drawImage(img, 0, 0);
        try {
            done([...context.getImageData(0, 0, 1, 1).data]);
        } catch (error) {
            done(error.name);
        }
    };
    img.src = url;
});

for (const crossOrigin of ['anonymous', 'use-credentials']) {
    test(`an image with crossorigin="${crossOrigin}": its pixels can be read`, async () => {
        const { seen, nginx } = await use(APP, `/api/files/dot.png?crossorigin=${crossOrigin}`, draw);
        assert.deepEqual(seen, [32, 64, 128, 255]);
        assert.deepEqual(nginx, [`GET 200 api allowed ${APP}`]);
    });

    test(`an image with crossorigin="${crossOrigin}" on a page of another origin`, async () => {
        const { seen, url, nginx } = await use(EVIL, `/api/files/dot.png?crossorigin=${crossOrigin}`, draw);
        assert.equal(seen, 'not loaded');
        assert.equal(await site.message(url), NO_HEADER);
        assert.deepEqual(nginx, ['GET 200 api denied_origin']);
    });
}

test('an image without crossorigin: shown on any page, and its pixels cannot be read', async () => {
    const { seen, nginx } = await use(EVIL, '/api/files/dot.png', draw);
    assert.equal(seen, 'SecurityError');
    assert.deepEqual(nginx, ['GET 200 api none']);
});

/** Whether a page sees when the request was sent. */
const timing = (url) => new Promise((done) => {
    new PerformanceObserver((list) => list.getEntriesByName(url)
        .forEach((entry) => done(entry.requestStart > 0))).observe({ type: 'resource' });
    fetch(url).then((response) => response.text(), () => {});
});

test('Timing-Allow-Origin: the page sees the timing', async () => {
    const { seen, nginx } = await use(APP, '/timed/', timing);
    assert.equal(seen, true);
    assert.deepEqual(nginx, [`GET 200 timed allowed ${APP}`]);
});

test('Timing-Allow-Origin: not from a policy without it', async () => {
    const { seen, nginx } = await use(APP, '/bare/', timing);
    assert.equal(seen, false);
    assert.deepEqual(nginx, [`GET 200 bare allowed ${APP}`]);
});

test('Timing-Allow-Origin: not for another origin', async () => {
    const { seen, nginx } = await use(EVIL, '/timed/', timing);
    assert.equal(seen, false);
    assert.deepEqual(nginx, ['GET 200 timed denied_origin']);
});

/** What a page sees of the timing of a plain image, which is requested without an Origin. */
const imageTiming = (url) => new Promise((done) => {
    new PerformanceObserver((list) => list.getEntriesByName(url).forEach((entry) => done(
        ['domainLookupStart', 'connectStart', 'requestStart', 'responseStart'].map((name) => entry[name] > 0),
    ))).observe({ type: 'resource' });
    new Image().src = url;
});
const VISIBLE = [true, true, true, true];
const HIDDEN = [false, false, false, false];
const TOOLS = 'https://tools.example.com:8443';
const LIST = `${APP}, ${TOOLS}`;

/** Whether a page sees the timing of a plain image, and what nginx has sent with that. */
async function seesTiming(origin, path) {
    const { seen, url } = await use(origin, path, imageTiming);
    const [entry] = await site.entries(url);
    assert.deepEqual([entry.status, entry.origin], [200, '']);
    return [seen, entry.sent['Timing-Allow-Origin']];
}

test('Timing-Allow-Origin: a list: the page sees the timing of a plain image', async () => {
    assert.deepEqual(await seesTiming(APP, '/measured/files/dot.png'), [VISIBLE, LIST]);
});

test('Timing-Allow-Origin: a list: so does a page that only the list names', async () => {
    assert.deepEqual(await seesTiming(TOOLS, '/measured/files/dot.png'), [VISIBLE, LIST]);
});

test('Timing-Allow-Origin: a list: not a page that is not in it', async () => {
    assert.deepEqual(await seesTiming(EVIL, '/measured/files/dot.png'), [HIDDEN, LIST]);
});

test('Timing-Allow-Origin: true: not of a plain image, which has no Origin', async () => {
    assert.deepEqual(await seesTiming(APP, '/timed/files/dot.png'), [HIDDEN, '']);
});

test('Timing-Allow-Origin: neither: not of a plain image either', async () => {
    assert.deepEqual(await seesTiming(APP, '/api/files/dot.png'), [HIDDEN, '']);
});

const websocket = (url) => new Promise((done) => {
    const socket = new WebSocket(url);
    socket.onmessage = ({ data }) => { socket.close(); socket.onclose = () => done(data); };
    socket.onerror = () => done('refused');
});
const WEBSOCKETS = 'wss://api.example.com';

test('a WebSocket: CORS does not keep any page from opening one', async () => {
    const { seen, nginx } = await use(EVIL, '/websocket/', websocket, WEBSOCKETS);
    assert.equal(seen, 'hello');
    assert.deepEqual(nginx, ['GET 101 api denied_origin']);
});

test('enforce: a WebSocket from a page that is allowed', async () => {
    const { seen, nginx, url } = await use(APP, '/guarded/websocket', websocket, WEBSOCKETS);
    assert.equal(seen, 'hello');
    assert.deepEqual(nginx, [`GET 101 guarded allowed ${APP}`]);
    assert.ok(handshakes.some((path) => url.endsWith(path)));
});

test('enforce: a WebSocket from a foreign page never reaches the application', async () => {
    const { seen, nginx, url } = await use(EVIL, '/guarded/websocket', websocket, WEBSOCKETS);
    assert.equal(seen, 'refused');
    assert.deepEqual(nginx, ['GET 403 guarded denied_origin']);
    assert.ok(!handshakes.some((path) => url.endsWith(path)));
});

test('enforce: a WebSocket from the site itself, which no policy names', async () => {
    const { seen, nginx } = await use('https://api.example.com', '/guarded/websocket', websocket, WEBSOCKETS);
    assert.equal(seen, 'hello');
    assert.deepEqual(nginx, ['GET 101 guarded denied_origin']);
});

test('enforce: a form that a foreign page sends', async () => {
    const send = (url) => fetch(url, { method: 'POST', mode: 'no-cors', body: new URLSearchParams({ a: 1 }) })
        .then((response) => response.type);
    const { seen, nginx } = await use(EVIL, '/guarded/items', send);
    assert.equal(seen, 'opaque');
    assert.deepEqual(nginx, ['POST 403 guarded denied_origin']);
});
