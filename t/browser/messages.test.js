// The messages in the table of docs/troubleshooting.md are those that Chromium gives.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';

import { API, Site } from './lib/site.js';

const APP = 'https://app.example.com';
const EVIL = 'https://evil.example';
const PREFLIGHT = "Response to preflight request doesn't pass access control check: ";

let site;
// Here nginx is in the loopback network, and a page over plain HTTP comes from the Internet.
let inside;
before(async () => {
    site = await Site.open();
    inside = await Site.open({
        args: ({ plainPort }) => [`--ip-address-space-overrides=127.0.0.1:${plainPort}=public`],
    });
});
after(async () => {
    await site?.close();
    await inside?.close();
});

const documented = [...readFileSync(resolve(import.meta.dirname, '../../docs/troubleshooting.md'), 'utf8')
    .matchAll(/^\| `` ?(.+?) ?`` \|/gm)].map(([, message]) => message);
const given = new Set();

/** A request to which Chromium says something that the table has. */
function says(name, [origin, path, options, host], nginx, of = () => site) {
    test(name, async () => {
        const seen = await of().fetch(origin, path, options, host);
        assert.ok(seen.blocked, `a message, not ${JSON.stringify(seen)}`);
        const message = seen.blocked.replace(PREFLIGHT, '');
        given.add(message);
        assert.ok(documented.includes(message), `docs/troubleshooting.md has: ${message}`);
        assert.deepEqual(seen.nginx, nginx);
    });
}

says('an origin that is not allowed', [EVIL, '/api/items'], ['GET 200 api denied_origin']);
says('an origin that is not allowed: the preflight', [EVIL, '/api/items', { method: 'PUT' }],
    ['OPTIONS 204 api denied_origin']);
says('no policy in force', [APP, '/off/'], ['GET 200']);
says('another host after a redirect', [APP, '/api/elsewhere'],
    [`GET 302 api allowed ${APP}`, 'GET 200 api denied_origin']);
says('credentials and *', [EVIL, '/public/', { credentials: 'include' }], ['GET 200 public allowed *']);
says('credentials that the policy does not allow', [APP, '/bare/', { credentials: 'include' }],
    [`GET 200 bare allowed ${APP}`]);
says('a method', [APP, '/api/items', { method: 'PATCH' }], [`OPTIONS 204 api denied_method ${APP}`]);
says('a header', [APP, '/api/items', { headers: { 'X-Other': '1' } }], [`OPTIONS 204 api denied_header ${APP}`]);
says('upstream_headers: keep: another origin', [APP, '/careless/other'], [`GET 200 careless allowed ${APP}`]);
says('upstream_headers: keep: two headers', [APP, '/careless/two'], [`GET 200 careless allowed ${APP}`]);
says('preflight: forward: the application wants a password', [APP, '/careless/private', { method: 'PUT' }],
    [`OPTIONS 401 careless denied_method ${APP}`]);
says('a return of the server', [APP, '/api/items', { method: 'PUT' }, 'https://moved.example.com'],
    [`OPTIONS 308 api allowed ${APP}`]);
says('a network that is not for every page', ['http://localhost:3000', '/api/items'], [], () => inside);
says('the same, and a page over plain HTTP', ['http://app.example.com', '/public/'], [], () => inside);

test('every message in docs/troubleshooting.md is one of these', () => {
    assert.ok(documented.length > 0);
    assert.deepEqual(documented.filter((message) => !given.has(message)), []);
});

test('a private network: with the permission of the person, the policy decides, and no preflight asks', async () => {
    await inside.context.grantPermissions(['local-network-access']);
    const origin = 'http://localhost:3000';
    const url = inside.url('/api/items');
    const page = await inside.page(origin);
    assert.equal(await page.evaluate((u) => fetch(u).then((r) => r.status), url), 200);
    const entries = await inside.entries(url);
    assert.deepEqual(entries.map(({ method, decision }) => [method, decision]), [['GET', 'allowed']]);

    // Nor does a preflight that there is anyhow.
    const put = inside.url('/api/items');
    assert.equal(await page.evaluate((u) => fetch(u, { method: 'PUT' }).then((r) => r.status), put), 200);
    const [preflight] = await inside.entries(put);
    assert.equal(preflight.method, 'OPTIONS');
    assert.equal(preflight.asked['Access-Control-Request-Private-Network'], '');
    assert.equal(new URL(put).origin, API);
});
