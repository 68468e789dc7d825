// enforce: which requests of real pages get through, by Fetch Metadata, Origin and Host; and a name that is rebound.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

import { API, Site } from './lib/site.js';

const APP = 'https://app.example.com';
const EVIL = 'https://evil.example';

let site;
before(async () => { site = await Site.open(); });
after(() => site?.close());

/** What nginx has logged about a URL: each request as it came, its status and the decision. Waits for one. */
async function logged(url) {
    for (let waited = 0; ; waited += 50) {
        const entries = await site.entries(url);
        if (entries.length || waited > 10_000) {
            return entries.map(({ method, origin, site: from, status, decision }) => [method, origin, from, status, decision]);
        }
        await sleep(50);
    }
}

/** Has a page send its form to a URL, from the page itself or from its frame. */
async function submit(address, url, { frame = false } = {}) {
    const page = await site.context.newPage();
    await page.goto(address);
    const form = frame ? page.frames().find((one) => one.url().endsWith('/form.html')) : page;
    await form.evaluate((action) => {
        document.forms[0].action = action;
        // Not before this call has returned, since the navigation ends the page that it is made in.
        setTimeout(() => document.forms[0].submit());
    }, url);
    await form.waitForURL(url);
    return logged(url);
}

test('a form without a referrer: of the site itself', async () => {
    assert.deepEqual(await submit(`${API}/form.html`, site.url('/guarded/items')),
        [['POST', 'null', 'same-origin', 200, 'denied_origin']]);
});

test('a form without a referrer: of a sandboxed frame in a page of the site itself', async () => {
    assert.deepEqual(await submit(`${API}/sandboxed-form.html`, site.url('/guarded/items'), { frame: true }),
        [['POST', 'null', 'cross-site', 403, 'denied_origin']]);
});

test('a form without a referrer: of another site', async () => {
    assert.deepEqual(await submit(`${EVIL}/form.html`, site.url('/guarded/items')),
        [['POST', 'null', 'cross-site', 403, 'denied_origin']]);
});

test('a form without a referrer: of another host of the site', async () => {
    assert.deepEqual(await submit('https://www.example.com/form.html', site.url('/guarded/items')),
        [['POST', 'null', 'same-site', 403, 'denied_origin']]);
});

test('a form without a referrer: of an allowed page, which does not say that it is one', async () => {
    assert.deepEqual(await submit(`${APP}/form.html`, site.url('/guarded/items')),
        [['POST', 'null', 'same-site', 403, 'denied_origin']]);
});

test('over plain http browsers send no Sec-Fetch-Site: Origin decides', async () => {
    const host = 'http://api.example.com';
    const page = await site.page(host);
    const post = async (init) => {
        const url = site.url('/guarded/items', host);
        await page.evaluate(([u, i]) => fetch(u, { method: 'POST', ...i }), [url, init]);
        return logged(url);
    };
    assert.deepEqual(await post({}), [['POST', host, '', 200, 'denied_origin']]);
    // In this way a form of the site itself cannot be told from a foreign one.
    const url = site.url('/guarded/items', host);
    assert.deepEqual(await submit(`${host}/form.html`, url), [['POST', 'null', '', 403, 'denied_origin']]);
});

for (const [name, page, send, entry] of [
    ['a link on a foreign page', EVIL, (url) => { location.href = url; }, ['GET', '', 'cross-site', 200, 'none']],
    ['an image on a foreign page', EVIL, (url) => { new Image().src = url; }, ['GET', '', 'cross-site', 200, 'none']],
    ['a beacon of a foreign page', EVIL, (url) => { navigator.sendBeacon(url, 'a=1'); },
        ['POST', EVIL, 'cross-site', 403, 'denied_origin']],
    ['a script of an allowed page', APP, (url) => { fetch(url, { method: 'POST', mode: 'no-cors' }); },
        ['POST', APP, 'same-site', 200, 'allowed']],
    ['a script of the site itself', API, (url) => { fetch(url, { method: 'POST' }); },
        ['POST', API, 'same-origin', 200, 'denied_origin']],
]) {
    test(`${name}: ${entry[3]}`, async () => {
        const url = site.url('/guarded/items');
        const tab = await site.context.newPage();
        await tab.goto(`${page}/`);
        await tab.evaluate(send, url);
        assert.deepEqual(await logged(url), [entry]);
    });
}

// The resolver rules of lib/site.js lead every name to the one nginx, as a rebound name does. Over http, browsers send
// no Sec-Fetch-Site to it.
const REBOUND = { http: ['http://attacker.example:3000', ''], https: ['https://attacker.example', 'same-origin'] };

/** What a page of a rebound name gets, and what nginx has logged. */
async function fetched(origin, path, init = {}) {
    const url = site.url(path, origin);
    const page = await site.page(origin);
    const seen = await page.evaluate(([u, i]) => fetch(u, i).then(async (r) => [r.status, await r.text()]), [url, init]);
    return { status: seen[0], body: seen[1], entries: await logged(url) };
}

/** A page of a rebound name that sends requests to a policy with own origins. */
async function isRefused([origin, from]) {
    for (const [method, init, said] of [
        ['GET', {}, ''],
        ['POST', { method: 'POST', body: 'a=1' }, origin],
        ['DELETE', { method: 'DELETE', headers: { 'X-Any': '1' } }, origin],
    ]) {
        const { status, entries } = await fetched(origin, '/own/items', init);
        assert.equal(status, 403);
        assert.deepEqual(entries, [[method, said, from, 403, 'denied_host']]);
    }
}

test('own_origins: a rebound name over http: refused', () => isRefused(REBOUND.http));
test('own_origins: a rebound name over https: refused', () => isRefused(REBOUND.https));

for (const [origin, from] of Object.values(REBOUND)) {
    test(`without own_origins, ${origin} is the site itself, and its page reads what it likes`, async () => {
        const read = await fetched(origin, '/guarded/items');
        assert.equal(read.body, '{}');
        assert.deepEqual(read.entries, [['GET', '', from, 200, 'none']]);
        const written = await fetched(origin, '/guarded/items', { method: 'POST' });
        assert.equal(written.body, '{}');
        assert.deepEqual(written.entries, [['POST', origin, from, 200, 'denied_origin']]);
    });

    test(`own_origins: ${origin}: a page cannot be opened either`, async () => {
        const url = site.url('/own/items', origin);
        const tab = await site.context.newPage();
        assert.equal((await tab.goto(url)).status(), 403);
        assert.deepEqual(await logged(url), [['GET', '', from && 'none', 403, 'denied_host']]);
    });

    test(`own_origins: ${origin}: no WebSocket, with which Chromium sends no Sec-Fetch-Site`, async () => {
        const url = site.url('/own/websocket', origin.replace('http', 'ws'));
        const page = await site.page(origin);
        const seen = await page.evaluate((u) => new Promise((done) => {
            const socket = new WebSocket(u);
            socket.onopen = () => done('open');
            socket.onerror = () => done('refused');
        }), url);
        assert.equal(seen, 'refused');
        assert.deepEqual(await logged(url), [['GET', origin, '', 403, 'denied_host']]);
    });
}

for (const [origin, from] of [['http://localhost:3000', 'same-origin'], ['https://service.example', 'same-origin']]) {
    test(`own_origins: ${origin}: a page of the server itself`, async () => {
        const url = site.url('/own/items', origin);
        const page = await site.page(origin);
        assert.equal(await page.evaluate((u) => fetch(u, { method: 'POST' }).then((r) => r.status), url), 200);
        assert.deepEqual(await logged(url), [['POST', origin, from, 200, 'denied_origin']]);
    });
}

test('own_origins: a foreign page, at the right name', async () => {
    const url = site.url('/own/items', 'https://service.example');
    const page = await site.page(EVIL);
    await page.evaluate((u) => fetch(u, { method: 'POST', mode: 'no-cors' }), url);
    assert.deepEqual(await logged(url), [['POST', EVIL, 'cross-site', 403, 'denied_origin']]);
});
