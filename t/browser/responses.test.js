// What a page can read of a response, and what it cannot.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Site } from './lib/site.js';

const APP = 'https://app.example.com';
const PARTNER = 'https://www.partner.example';
const EVIL = 'https://evil.example';
const NO_HEADER = "No 'Access-Control-Allow-Origin' header is present on the requested resource.";

let site;
before(async () => { site = await Site.open(); });
after(() => site?.close());

test('headers: those that every page may read, and those that are exposed', async () => {
    const seen = await site.fetch(APP, '/api/items');
    assert.deepEqual(Object.keys(seen.headers).sort(), ['content-length', 'content-type', 'etag']);
    assert.deepEqual(seen.nginx, [`GET 200 api allowed ${APP}`]);
});

test('headers: * exposes all, but not to a request with credentials', async () => {
    const { headers, nginx } = await site.fetch(APP, '/everything/');
    assert.equal(headers['x-secret'], '1');
    assert.deepEqual(nginx, ['GET 200 everything allowed *']);
});

test('headers: nothing exposed', async () => {
    const { headers, nginx } = await site.fetch(APP, '/public/');
    assert.equal(headers['x-secret'], undefined);
    assert.deepEqual(nginx, ['GET 200 public allowed *']);
});

test('headers: the page of the API itself sees all of them', async () => {
    const page = await site.page('https://api.example.com');
    const url = site.url('/api/items');
    assert.equal(await page.evaluate((u) => fetch(u).then((r) => r.headers.get('x-secret')), url), '1');
    assert.deepEqual(await site.logged(url), ['GET 200 api none']);
});

for (const [path, status, body] of [
    ['/api/private', 401, /401 Authorization Required/],
    ['/api/nothing', 404, /404 Not Found/],
    ['/api/broken', 500, /out of tea/],
    ['/api/gone', 410, /^\{"error": "gone"\}$/],
]) {
    test(`an error: ${status} at ${path}, which the page can read`, async () => {
        const seen = await site.fetch(APP, path);
        assert.equal(seen.status, status, seen.blocked);
        assert.match(seen.body, body);
        assert.deepEqual(seen.nginx, [`GET ${status} api allowed ${APP}`]);
    });

    test(`an error: ${status} at ${path}, which a page of another origin cannot read`, async () => {
        const seen = await site.fetch(EVIL, path);
        assert.equal(seen.blocked, NO_HEADER);
        assert.deepEqual(seen.nginx, [`GET ${status} api denied_origin`]);
    });
}

test('a password: the preflight carries none and is answered', async () => {
    const seen = await site.fetch(APP, '/api/private', { headers: { Authorization: `Basic ${btoa('demo:demo')}` } });
    assert.equal(seen.status, 200, seen.blocked);
    assert.deepEqual(seen.nginx, [`OPTIONS 204 api allowed ${APP}`, `GET 200 api allowed ${APP}`]);
});

test('a password that is wrong: the page can read the 401', async () => {
    const seen = await site.fetch(APP, '/api/private', { headers: { Authorization: `Basic ${btoa('demo:no')}` } });
    assert.equal(seen.status, 401, seen.blocked);
    assert.deepEqual(seen.nginx, [`OPTIONS 204 api allowed ${APP}`, `GET 401 api allowed ${APP}`]);
});

test('a redirect within the API', async () => {
    const seen = await site.fetch(APP, '/api/moved');
    assert.equal(seen.status, 200, seen.blocked);
    assert.deepEqual(seen.nginx, [`GET 302 api allowed ${APP}`, `GET 200 api allowed ${APP}`]);
});

test('a redirect within the API, of a request that needs a preflight: one for each URL', async () => {
    const seen = await site.fetch(APP, '/api/moved', { headers: { 'X-Request-Id': '1' } });
    assert.equal(seen.status, 200, seen.blocked);
    assert.deepEqual(seen.nginx, [
        `OPTIONS 204 api allowed ${APP}`, `GET 302 api allowed ${APP}`,
        `OPTIONS 204 api allowed ${APP}`, `GET 200 api allowed ${APP}`,
    ]);
});

test('a redirect of a page that is not allowed stops at the redirect', async () => {
    const seen = await site.fetch(EVIL, '/api/moved');
    assert.equal(seen.blocked, NO_HEADER);
    assert.deepEqual(seen.nginx, ['GET 302 api denied_origin']);
});

test('a redirect to another host: the origin is null from there on', async () => {
    const url = site.url('/api/elsewhere');
    const page = await site.page(APP);
    const failed = await page.evaluate((u) => fetch(u).then(() => 'read', (e) => e.message), url);
    assert.equal(failed, 'Failed to fetch');
    const entries = await site.entries(url);
    assert.deepEqual(entries.map(({ host, status, origin, decision }) => [host, status, origin, decision]), [
        ['api.example.com', 302, APP, 'allowed'],
        ['other.example.net', 200, 'null', 'denied_origin'],
    ]);
});

test('a redirect to another host, to a policy for everybody', async () => {
    const seen = await site.fetch(APP, '/api/elsewhere-public');
    assert.equal(seen.body, '{"for": "everybody"}');
    assert.deepEqual(seen.nginx, [`GET 302 api allowed ${APP}`, 'GET 200 public allowed *']);
});

test('a redirect from the page\'s own origin to the API: the origin stays', async () => {
    const url = site.url('/to-the-api', APP);
    const page = await site.page(APP);
    assert.equal(await page.evaluate((u) => fetch(u).then((r) => r.status), url), 200);
    assert.deepEqual(await site.logged(url), ['GET 302', `GET 200 api allowed ${APP}`]);
});

/** How many preflights nginx gets for as many requests with the same URL. */
async function preflights(origin, path, times, options = { method: 'PUT' }) {
    const url = site.url(path);
    const page = await site.page(origin);
    for (let i = 0; i < times; i++) {
        assert.equal(await page.evaluate(([u, o]) => fetch(u, o).then((r) => r.status), [url, options]), 200);
    }
    const methods = (await site.entries(url)).map((entry) => entry.method);
    assert.equal(methods.filter((method) => method !== 'OPTIONS').length, times);
    return methods.filter((method) => method === 'OPTIONS').length;
}

test('the preflight cache: max_age: one preflight for three requests', async () => {
    assert.equal(await preflights(APP, '/remembered/', 3), 1);
});

test('the preflight cache: max_age: 0: one for each', async () => {
    assert.equal(await preflights(APP, '/forgotten/', 3), 3);
});

test('the preflight cache: an entry for each URL, query included', async () => {
    const page = await site.page(APP);
    for (let i = 0; i < 2; i++) {
        const url = site.url('/remembered/');
        assert.equal(await page.evaluate((u) => fetch(u, { method: 'PUT' }).then((r) => r.status), url), 200);
        assert.deepEqual((await site.entries(url)).map((entry) => entry.method), ['OPTIONS', 'PUT']);
    }
});

test('the preflight cache: with credentials and without are two', async () => {
    const url = site.url('/echo/');
    const page = await site.page(PARTNER);
    for (const credentials of ['omit', 'include']) {
        await page.evaluate(([u, c]) => fetch(u, { method: 'PUT', credentials: c }), [url, credentials]);
    }
    assert.deepEqual((await site.entries(url)).map((entry) => entry.method), ['OPTIONS', 'PUT', 'OPTIONS', 'PUT']);
});

test('the cache of nginx: one stored response, asked for from two origins and a denied one', async () => {
    const url = site.url('/cached/');
    const ask = async (origin) => (await site.page(origin)).evaluate((u) => fetch(u, { cache: 'no-store' })
        .then((r) => r.text(), (e) => e.message), url);
    for (const [origin, seen] of [
        [APP, '{"items": []}'],
        [PARTNER, '{"items": []}'],
        [EVIL, 'Failed to fetch'],
        [APP, '{"items": []}'],
    ]) {
        assert.equal(await ask(origin), seen, origin);
    }
    assert.deepEqual((await site.entries(url)).map((entry) => [entry.cache, entry.decision, entry.sent['Access-Control-Allow-Origin']]), [
        ['MISS', 'allowed', APP],
        ['HIT', 'allowed', PARTNER],
        ['HIT', 'denied_origin', ''],
        ['HIT', 'allowed', APP],
    ]);
});

/** What two pages get from a shared cache, one after the other, and what that has sent them. */
async function fromSharedCache(path) {
    const url = site.url(path);
    const seen = [];
    for (const origin of [EVIL, APP]) {
        const page = await site.page(origin);
        seen.push(await page.evaluate((u) => fetch(u, { cache: 'no-store' }).then((r) => r.text(), () => 'blocked'), url));
    }
    const sent = (await site.entries(url)).map((entry) => [entry.cache, entry.sent['Access-Control-Allow-Origin'], entry.sent.Vary]);
    return { url, seen, sent };
}

test('a shared cache before a static origin: one response for the page that may read it and one that may not', async () => {
    const { url, seen, sent } = await fromSharedCache('/shared/static/');
    assert.deepEqual(seen, ['blocked', '{}']);
    assert.match(await site.message(url),
        /^The 'Access-Control-Allow-Origin' header has a value 'https:\/\/app\.example\.com' that is not equal to the supplied origin\./);
    assert.deepEqual(sent, [['MISS', APP, ''], ['HIT', APP, '']]);
});

test('a shared cache before any other policy: a response for each origin', async () => {
    const { seen, sent } = await fromSharedCache('/shared/bare/');
    assert.deepEqual(seen, ['blocked', '{}']);
    assert.deepEqual(sent, [['MISS', '', 'Origin'], ['MISS', APP, 'Origin']]);
});

test('the cache of the browser: Vary keeps what came without an Origin from a request with one', async () => {
    const url = site.url('/cached/');
    const page = await site.page(APP);
    const ask = (options) => page.evaluate(([u, o]) => fetch(u, o).then((r) => r.text(), (e) => e.message), [url, options]);
    // As an <img> does, whose response has no Access-Control-Allow-Origin.
    await ask({ mode: 'no-cors', cache: 'force-cache' });
    assert.equal(await ask({ cache: 'force-cache' }), '{"items": []}');
    assert.deepEqual((await site.entries(url)).map(({ sent, decision }) => [decision, sent.Vary]),
        [['none', 'Origin'], ['allowed', 'Origin']]);
});

test('third-party cookies blocked: credentials are judged all the same, and no cookie comes', async () => {
    await site.fetch(APP, '/api/login', { credentials: 'include' });
    const url = site.url('/api/items');
    const page = await site.page(PARTNER);
    assert.equal(await page.evaluate((u) => fetch(u, { credentials: 'include' }).then((r) => r.status), url), 200);
    const [entry] = await site.entries(url);
    assert.equal(entry.cookie, '');
    assert.equal(entry.sent['Access-Control-Allow-Credentials'], 'true');
});
