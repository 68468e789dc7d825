// Which requests a page gets through, and what nginx sees of them.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { API, Site } from './lib/site.js';

const APP = 'https://app.example.com';
const NO_HEADER = "No 'Access-Control-Allow-Origin' header is present on the requested resource.";
const NO_PERMISSION = `Response to preflight request doesn't pass access control check: ${NO_HEADER}`;

let site;
before(async () => { site = await Site.open({ thirdPartyCookies: true }); });
after(() => site?.close());

/** A request that the page gets through. */
async function allows(origin, path, options, nginx) {
    const seen = await site.fetch(origin, path, options);
    assert.equal(seen.status, 200, seen.blocked);
    assert.deepEqual(seen.nginx, nginx);
    return seen;
}

/** A request that it does not. */
async function blocks(origin, path, options, reason, nginx) {
    const seen = await site.fetch(origin, path, options);
    assert.equal(seen.error, 'TypeError: Failed to fetch');
    assert.match(seen.blocked, reason instanceof RegExp ? reason : literal(reason));
    assert.deepEqual(seen.nginx, nginx);
}

function literal(text) {
    return new RegExp(`^${text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`);
}

const preflight = (origin, policy = 'api') => `OPTIONS 204 ${policy} allowed ${origin}`;

test('GET needs no preflight', async () => {
    const seen = await allows(APP, '/api/items', {}, [`GET 200 api allowed ${APP}`]);
    assert.equal(seen.body, '{"items": []}');
});

test('HEAD needs no preflight', async () => {
    await allows(APP, '/api/items', { method: 'HEAD' }, [`HEAD 200 api allowed ${APP}`]);
});

test('POST of a form needs no preflight', async () => {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    await allows(APP, '/echo/', { method: 'POST', headers, body: 'a=1' },
        [`POST 200 echo allowed ${APP}`]);
});

test('POST of JSON', async () => {
    const headers = { 'Content-Type': 'application/json' };
    await allows(APP, '/api/items', { method: 'POST', headers, body: '{}' },
        [preflight(APP), `POST 200 api allowed ${APP}`]);
});

test('POST of JSON where Content-Type is not allowed', async () => {
    const headers = { 'Content-Type': 'application/json' };
    await blocks(APP, '/bare/', { method: 'POST', headers, body: '{}' },
        'Request header field content-type is not allowed by Access-Control-Allow-Headers in preflight response.',
        [`OPTIONS 204 bare denied_header ${APP}`]);
});

for (const method of ['PUT', 'DELETE', 'PURGE']) {
    test(`${method}, which is allowed`, async () => {
        await allows(APP, '/api/items', { method }, [preflight(APP), `${method} 200 api allowed ${APP}`]);
    });
}

for (const method of ['PATCH', 'QUERY']) {
    test(`${method}, which is not allowed`, async () => {
        await blocks(APP, '/api/items', { method },
            `Method ${method} is not allowed by Access-Control-Allow-Methods in preflight response.`,
            [`OPTIONS 204 api denied_method ${APP}`]);
    });
}

test('methods are case-sensitive, but for those that browsers normalize', async () => {
    await allows(APP, '/api/items', { method: 'put' }, [preflight(APP), `PUT 200 api allowed ${APP}`]);
    await blocks(APP, '/api/items', { method: 'purge' },
        'Method purge is not allowed by Access-Control-Allow-Methods in preflight response.',
        [`OPTIONS 204 api denied_method ${APP}`]);
});

test('a method in lower case: nginx refuses it before it knows the location, and so the policy', async () => {
    await blocks(APP, '/everything/', { method: 'patch' }, NO_HEADER, ['OPTIONS 204 everything allowed *']);
    const [last] = (await site.nginx.log()).slice(-1);
    assert.deepEqual([last.method, last.status, last.policy], ['patch', 400, '']);
});

for (const method of ['TRACE', 'CONNECT', 'TRACK']) {
    test(`${method}: no page can send it`, async () => {
        const { error, nginx } = await site.fetch(APP, '/everything/', { method }).catch((error) => error);
        assert.match(error, /^TypeError: .*'?(TRACE|CONNECT|TRACK)'? HTTP method is unsupported/);
        assert.deepEqual(nginx, []);
    });
}

test('a header of its own that is allowed', async () => {
    await allows(APP, '/api/items', { headers: { 'X-Request-Id': '7' } },
        [preflight(APP), `GET 200 api allowed ${APP}`]);
});

test('one that is not, beside one that is', async () => {
    await blocks(APP, '/api/items', { headers: { 'X-Request-Id': '7', 'X-Other': '1' } },
        'Request header field x-other is not allowed by Access-Control-Allow-Headers in preflight response.',
        [`OPTIONS 204 api denied_header ${APP}`]);
});

test('a safelisted header whose value is not: Accept-Language with a brace', async () => {
    await blocks(APP, '/api/items', { headers: { 'Accept-Language': '{' } },
        'Request header field accept-language is not allowed by Access-Control-Allow-Headers in preflight response.',
        [`OPTIONS 204 api denied_header ${APP}`]);
});

test('a forbidden header: the browser drops it without a word', async () => {
    await allows(APP, '/api/items', { headers: { Host: 'evil.example', 'Sec-X': '1', Origin: 'https://evil.example' } },
        [`GET 200 api allowed ${APP}`]);
});

test('* for methods and headers, without credentials', async () => {
    await allows(APP, '/everything/', { method: 'ANYTHING', headers: { 'X-Any': '1' } },
        ['OPTIONS 204 everything allowed *', 'ANYTHING 200 everything allowed *']);
});

test('Authorization is among what * stands for, other than in the standard', async () => {
    const headers = { Authorization: 'Bearer x' };
    await allows(APP, '/everything/', { headers },
        ['OPTIONS 204 everything allowed *', 'GET 200 everything allowed *']);
    await allows(APP, '/everything-with-authorization/', { headers },
        ['OPTIONS 204 everything-with-authorization allowed *', 'GET 200 everything-with-authorization allowed *']);
});

test('with credentials, * is echoed as what is asked for', async () => {
    const options = { method: 'ANYTHING', credentials: 'include', headers: { 'X-Any': '1', Authorization: 'x' } };
    const url = site.url('/echo/');
    const page = await site.page(APP);
    assert.equal(await page.evaluate(([u, o]) => fetch(u, o).then((r) => r.status), [url, options]), 200);
    const [asked] = await site.entries(url);
    assert.equal(asked.sent['Access-Control-Allow-Methods'], 'ANYTHING');
    assert.equal(asked.sent['Access-Control-Allow-Headers'], 'authorization,x-any');
    assert.equal(asked.sent['Access-Control-Allow-Credentials'], 'true');
});

test('everybody: * without credentials, and not with them', async () => {
    await allows('https://evil.example', '/public/', {}, ['GET 200 public allowed *']);
    await blocks('https://evil.example', '/public/', { credentials: 'include' },
        "The value of the 'Access-Control-Allow-Origin' header in the response must not be the wildcard '*' when the request's credentials mode is 'include'.",
        ['GET 200 public allowed *']);
});

test('credentials where the policy has none', async () => {
    await blocks(APP, '/bare/', { credentials: 'include' },
        "The value of the 'Access-Control-Allow-Credentials' header in the response is '' which must be 'true' when the request's credentials mode is 'include'.",
        [`GET 200 bare allowed ${APP}`]);
});

test('cookies: sent with credentials only, from a page of the same site and from another site', async () => {
    const [same, other] = [APP, 'https://www.partner.example'];
    await allows(same, '/api/login', { credentials: 'include' }, [`GET 200 api allowed ${same}`]);
    const cookies = async (origin, credentials) => {
        const url = site.url('/api/items');
        const page = await site.page(origin);
        await page.evaluate(([u, c]) => fetch(u, { credentials: c }).then((r) => r.text()), [url, credentials]);
        return (await site.entries(url)).map((entry) => entry.cookie);
    };
    assert.deepEqual(await cookies(same, 'omit'), ['']);
    assert.deepEqual(await cookies(same, 'same-origin'), ['']);
    assert.deepEqual(await cookies(same, 'include'), ['session=1; strict=1']);
    // Another site: only what is SameSite=None.
    assert.deepEqual(await cookies(other, 'omit'), ['']);
    assert.deepEqual(await cookies(other, 'include'), ['session=1']);
});

test('cookies: a preflight carries none', async () => {
    const url = site.url('/api/items');
    const page = await site.page(APP);
    await page.evaluate(([login]) => fetch(login, { credentials: 'include' }), [site.url('/api/login')]);
    await page.evaluate((u) => fetch(u, { method: 'PUT', credentials: 'include' }), url);
    assert.deepEqual((await site.entries(url)).map(({ method, cookie }) => [method, cookie]),
        [['OPTIONS', ''], ['PUT', 'session=1; strict=1']]);
});

test('cookies: a response that the page may not read sets none', async () => {
    const page = await site.page(APP);
    await site.context.clearCookies();
    await page.evaluate((u) => fetch(u, { credentials: 'omit' }), site.url('/api/login'));
    assert.deepEqual(await site.context.cookies(API), []);
});

for (const [origin, pattern] of [
    ['https://www.partner.example', 'a subdomain'],
    ['https://a.b.partner.example', 'a subdomain of a subdomain'],
    ['http://localhost:3000', 'any port'],
    ['http://localhost:5173', 'any other port'],
    ['http://localhost', 'any port, none included'],
    ['https://tools.example.com:8443', 'a port'],
    ['https://pr-42.preview.example.net', 'a regular expression'],
]) {
    test(`${origin}: allowed by ${pattern}`, async () => {
        await allows(origin, '/api/items', {}, [`GET 200 api allowed ${origin}`]);
        await allows(origin, '/api/items', { method: 'PUT', credentials: 'include' },
            [preflight(origin), `PUT 200 api allowed ${origin}`]);
    });
}

for (const origin of [
    'https://partner.example',
    'https://old.partner.example',
    'https://partner.example.evil.example',
    'https://xpartner.example',
    'https://tools.example.com',
    'https://app.example.com:8443',
    'http://app.example.com',
    'https://localhost',
    'https://pr-x.preview.example.net',
    'https://pr-42.preview.example.net:8443',
    'https://pr-42xpreview.example.net',
    'sandbox',
    'file',
]) {
    test(`${origin}: denied`, async () => {
        await blocks(origin, '/api/items', {}, NO_HEADER, ['GET 200 api denied_origin']);
        await blocks(origin, '/api/items', { method: 'PUT' }, NO_PERMISSION,
            ['OPTIONS 204 api denied_origin']);
    });
}

for (const origin of ['sandbox', 'file']) {
    test(`${origin}: allowed where null is`, async () => {
        await allows(origin, '/opaque/', {}, ['GET 200 opaque allowed null']);
        await allows(origin, '/opaque/', { method: 'PUT' },
            ['OPTIONS 204 opaque allowed null', 'PUT 200 opaque allowed null']);
        await allows(origin, '/public/', {}, ['GET 200 public allowed *']);
    });
}

test('without a policy no other origin is allowed', async () => {
    await blocks(APP, '/off/', {}, NO_HEADER, ['GET 200']);
});

test('the site itself needs no permission, and a denied origin does not take it from it', async () => {
    // A POST has an Origin, which the policy does not name.
    const url = site.url('/api/items');
    const page = await site.page(API);
    assert.equal(await page.evaluate((u) => fetch(u, { method: 'POST' }).then((r) => r.status), url), 200);
    assert.deepEqual(await site.logged(url), ['POST 200 api denied_origin']);
});

test('no-cors: the request is served, and the page sees nothing of the response', async () => {
    const url = site.url('/api/items');
    const page = await site.page('https://evil.example');
    const seen = await page.evaluate((u) => fetch(u, { mode: 'no-cors' })
        .then(async (r) => [r.type, r.status, await r.text()]), url);
    assert.deepEqual(seen, ['opaque', 0, '']);
    assert.deepEqual(await site.logged(url), ['GET 200 api none']);
});
