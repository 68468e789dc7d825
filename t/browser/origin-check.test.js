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
    const entries = await logged(url);
    await page.close();
    return entries;
}

for (const [name, address, options, entry] of [
    ['of the site itself', `${API}/form.html`, {}, ['POST', 'null', 'same-origin', 200, 'denied_origin']],
    ['of a sandboxed frame in a page of the site itself', `${API}/sandboxed-form.html`, { frame: true },
        ['POST', 'null', 'cross-site', 403, 'denied_origin']],
    ['of another host of the site', 'https://www.example.com/form.html', {}, ['POST', 'null', 'same-site', 403, 'denied_origin']],
    ['of another site', `${EVIL}/form.html`, {}, ['POST', 'null', 'cross-site', 403, 'denied_origin']],
    // It says nothing of the origin that the policy allows.
    ['of an allowed page', `${APP}/form.html`, {}, ['POST', 'null', 'same-site', 403, 'denied_origin']],
]) {
    test(`a form without a referrer ${name}: ${entry[3]}`, async () => {
        assert.deepEqual(await submit(address, site.url('/guarded/items'), options), [entry]);
    });
}

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
        await tab.close();
    });
}

// The resolver rules of lib/site.js lead every name to the one nginx, as a rebound name does.
for (const [origin, from] of [['http://attacker.example:3000', ''], ['https://attacker.example', 'same-origin']]) {
    const fetched = async (path, init) => {
        const url = site.url(path, origin);
        const page = await site.page(origin);
        const seen = await page.evaluate(([u, i]) => fetch(u, i).then(async (r) => [r.status, await r.text()]), [url, init]);
        return { seen, entries: await logged(url) };
    };

    test(`a rebound name, ${origin}: the page reads what it likes`, async () => {
        const read = await fetched('/guarded/items', {});
        assert.deepEqual([read.seen, read.entries], [[200, '{}'], [['GET', '', from, 200, 'none']]]);
        const written = await fetched('/guarded/items', { method: 'POST' });
        assert.deepEqual([written.seen, written.entries], [[200, '{}'], [['POST', origin, from, 200, 'denied_origin']]]);
    });

    test(`own_origins: a rebound name, ${origin}: refused`, async () => {
        for (const [init, entry] of [
            [{}, ['GET', '', from, 403, 'denied_host']],
            [{ method: 'POST', body: 'a=1' }, ['POST', origin, from, 403, 'denied_host']],
            [{ method: 'DELETE', headers: { 'X-Any': '1' } }, ['DELETE', origin, from, 403, 'denied_host']],
        ]) {
            const { seen, entries } = await fetched('/own/items', init);
            assert.equal(seen[0], 403);
            assert.deepEqual(entries, [entry]);
        }
    });

    test(`own_origins: a rebound name, ${origin}: a page cannot be opened either`, async () => {
        const url = site.url('/own/items', origin);
        const tab = await site.context.newPage();
        assert.equal((await tab.goto(url)).status(), 403);
        assert.deepEqual(await logged(url), [['GET', '', from && 'none', 403, 'denied_host']]);
        await tab.close();
    });

    test(`own_origins: a rebound name, ${origin}: no WebSocket`, async () => {
        const url = site.url('/own/websocket', origin.replace('http', 'ws'));
        const page = await site.page(origin);
        const seen = await page.evaluate((u) => new Promise((done) => {
            const socket = new WebSocket(u);
            socket.onopen = () => done('open');
            socket.onerror = () => done('refused');
        }), url);
        assert.equal(seen, 'refused');
        assert.deepEqual(await logged(url), [['GET', origin, from, 403, 'denied_host']]);
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
