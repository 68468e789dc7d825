// The playground of `make run`: a person picks, presses, and sees.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { promisify } from 'node:util';

import { launch } from './lib/chromium.js';
import { Demo } from './lib/demo.js';
import { brief, tool } from './lib/nginx.js';

const project = resolve(import.meta.dirname, '../..');

let demo;
let context;
let page;
const violations = [];

before(async () => {
    demo = await Demo.start();
    context = await launch(`${demo.folder}/profile`);
    context.on('console', (message) => {
        if (message.text().includes('Content Security Policy')) violations.push(message.text());
    });
});
after(async () => {
    await context?.close();
    await demo?.stop();
});
beforeEach(async () => {
    await page?.close();
    page = await context.newPage();
    await page.goto(demo.allowed);
    await page.locator('button[type=submit]:enabled').waitFor();
});

/** Waits until something is so. */
async function waitFor(isSo) {
    for (let attempt = 0; attempt < 50; attempt++) {
        if (await isSo()) return;
        await new Promise((waited) => setTimeout(waited, 200));
    }
    assert.fail('it does not come to be');
}

/** Picks with a pointer, and presses. */
async function send({ origin, policy, path, method, headers = [], credentials = false }) {
    if (origin) await page.getByRole('radio', { name: origin }).check();
    if (policy) await page.getByRole('radio', { name: new RegExp(`^${policy} `) }).check();
    if (path) await page.getByLabel('Path').selectOption(path);
    if (method) await page.getByLabel('Method').selectOption(method);
    for (const name of headers) await page.getByRole('checkbox', { name: new RegExp(name) }).check();
    if (credentials) await page.getByRole('checkbox', { name: /credentials/ }).check();
    return press(() => page.getByRole('button', { name: 'Send' }).click());
}

/** What the page shows, and what nginx logged. */
async function press(how) {
    const before = demo.log().length;
    await page.evaluate(() => { document.getElementById('details').hidden = true; });
    await how();
    await page.locator('#details').waitFor();
    const texts = (selector) => page.locator(selector).allInnerTexts();
    return {
        verdict: (await texts('#verdict .title'))[0],
        reason: (await texts('#verdict p:not(.title)'))[0],
        seen: (await texts('#seen'))[0],
        decided: Object.fromEntries((await texts('#reasons > div')).map((row) => row.split(/\n([^]*)/, 2))),
        exchanges: await texts('#exchanges > li'),
        matched: (await texts('#policy .matched code'))[0]?.trim(),
        command: (await page.locator('#command').textContent()),
        nginx: demo.log().slice(before).map(brief),
    };
}

test('a request that is allowed', async () => {
    const shown = await send({ method: 'PUT', headers: ['Content-Type'], credentials: true });
    assert.equal(shown.verdict, 'The page reads the response');
    assert.match(shown.seen, /^200\nOK\n/);
    assert.match(shown.seen, /etag: "1"/);
    assert.match(shown.seen, /"kettle"/);
    assert.equal(shown.decided.Policy, 'api');
    assert.equal(shown.decided.Decision, 'allowed');
    assert.match(shown.decided.Pattern, /^http:\/\/localhost:\*\npolicies\.api\.allow_origins\[2\]\nnginx-conf\/cors\.yaml:\d+$/);
    assert.match(shown.matched, /^- http:\/\/localhost:\*/);
    assert.match(shown.exchanges[0], /^Preflight\n\nOPTIONS \/api\/items\n204\nallowed/);
    assert.match(shown.exchanges[0], new RegExp(`Access-Control-Allow-Origin: ${demo.allowed}`));
    assert.match(shown.exchanges[1], /^Request\n\nPUT \/api\/items\n200\nallowed/);
    assert.deepEqual(shown.nginx, ['OPTIONS 204 api allowed', 'PUT 200 api allowed']);
});

test('the same again: the browser does not ask twice', async () => {
    const first = await send({ method: 'DELETE' });
    assert.match(first.exchanges[0], /^Preflight\n/);
    const second = await send({});
    assert.match(second.exchanges[0], /^No preflight\n\nThe browser still has the answer/);
    assert.equal(second.verdict, 'The page reads the response');
    assert.deepEqual(second.nginx, ['DELETE 200 api allowed']);
});

test('a request that is denied', async () => {
    const shown = await send({ origin: demo.denied });
    assert.equal(shown.verdict, 'The browser keeps the response from the page');
    assert.equal(shown.reason, 'Access-Control-Allow-Origin is missing.');
    assert.match(shown.seen, /^TypeError: Failed to fetch\n/);
    assert.equal(shown.decided.Decision, 'denied_origin');
    assert.match(shown.decided['Near miss'], /^http:\/\/localhost:\*\n/);
    assert.equal(shown.matched, undefined);
    assert.match(shown.exchanges[0], /^No preflight\n/);
    assert.deepEqual(shown.nginx, ['GET 200 api denied_origin']);
});

test('a preflight that is denied: the request is not sent', async () => {
    const shown = await send({ method: 'PATCH' });
    assert.equal(shown.verdict, 'The browser does not send the request');
    assert.equal(shown.reason, 'Access-Control-Allow-Methods does not have PATCH.');
    assert.equal(shown.decided.Decision, 'denied_method');
    assert.match(shown.exchanges[1], /^No request\n/);
    assert.deepEqual(shown.nginx, ['OPTIONS 204 api denied_method']);
});

test('a header that is not allowed', async () => {
    const shown = await send({ headers: ['X-Request-Id'] });
    assert.equal(shown.reason, 'Access-Control-Allow-Headers does not have x-request-id.');
    assert.deepEqual(shown.nginx, ['OPTIONS 204 api denied_header']);
});

test('errors: the page reads them', async () => {
    const asked = await send({ path: '/api/private' });
    assert.match(asked.seen, /^401\nUnauthorized\n/);
    assert.deepEqual(asked.nginx, ['GET 401 api allowed']);
    const told = await send({ headers: ['Authorization'] });
    assert.match(told.seen, /^200\nOK\n[^]*"demo"/);
    const broken = await send({ path: '/api/broken' });
    assert.match(broken.seen, /^500\n[^]*out of tea/);
    assert.deepEqual(broken.nginx, ['OPTIONS 204 api allowed', 'GET 500 api allowed']);
});

test('public: everybody without credentials, nobody with them', async () => {
    const without = await send({ origin: demo.denied, policy: 'public' });
    assert.equal(without.verdict, 'The page reads the response');
    assert.equal(without.matched, 'allow_origins: ["*"]');
    const including = await send({ credentials: true });
    assert.equal(including.verdict, 'The browser keeps the response from the page');
    assert.equal(including.reason, 'Access-Control-Allow-Origin: * does not count for a request with credentials.');
    assert.equal(including.decided.Decision, 'allowed');
    assert.deepEqual(including.nginx, ['GET 200 public allowed']);
});

test('mixed: the rule that decided', async () => {
    assert.equal((await send({ policy: 'mixed' })).decided.Rule, 'rules[0]');
    const other = await send({ origin: 'null' });
    assert.equal(other.decided.Rule, 'rules[1]');
    assert.equal(other.verdict, 'The page reads the response');
    assert.match(other.exchanges[1], /Origin: null\n/);
});

test('guarded: 403, and the application sees nothing', async () => {
    const shown = await send({ origin: demo.denied, policy: 'guarded' });
    assert.equal(shown.verdict, 'nginx refused the request (403)');
    assert.deepEqual(shown.nginx, ['GET 403 guarded denied_origin']);
});

test('guarded: the verdict says what the request is refused for', async () => {
    const reasons = {
        denied_origin: 'The policy does not allow the origin.',
        denied_site: 'A page of another site sends it, without Origin.',
        denied_host: 'The host is not in own_origins.',
    };
    for (const [decision, reason] of Object.entries(reasons)) {
        // No page of the playground can send the other two, so its view of the log is changed.
        await page.route('**/log', async (route) => {
            if (route.request().method() === 'HEAD') return route.continue();
            const response = await route.fetch();
            const body = (await response.text()).replaceAll('"denied_origin"', `"${decision}"`);
            await route.fulfill({ response, body });
        });
        const shown = await send({ origin: demo.denied, policy: 'guarded' });
        await page.unroute('**/log');
        assert.equal(shown.verdict, 'nginx refused the request (403)');
        assert.equal(shown.decided.Decision, decision);
        assert.equal(shown.reason, reason);
    }
});

test('off: no policy, and nothing to explain', async () => {
    const shown = await send({ policy: 'off' });
    assert.equal(shown.verdict, 'The browser keeps the response from the page');
    assert.equal(shown.decided.Policy, 'none');
    assert.equal(await page.locator('#explain').isVisible(), false);
    assert.deepEqual(shown.nginx, ['GET 200']);
});

test('the command says what the page says', async () => {
    for (const choice of [{ method: 'PUT', headers: ['Content-Type'] }, { origin: 'null', headers: ['X-Request-Id'] }]) {
        const { command, decided } = await send(choice);
        const [program, ...options] = command.split(/[\s\\]+/);
        assert.equal(program, 'dist/cors-policy');
        const { stdout } = await promisify(execFile)(tool, [...options, '--json'], { cwd: project })
            .catch((error) => error);
        assert.equal(JSON.parse(stdout).decision, decided.Decision);
    }
});

test('with the keyboard alone', async () => {
    const focus = () => page.evaluate(() => {
        const { activeElement: element } = document;
        // What is focused is marked: it itself, or the label around it.
        const marked = [element, element.closest('label')].some((one) => one
            && getComputedStyle(one).outlineStyle === 'solid');
        return `${element.name || element.id || element.textContent}${marked ? '' : ', not marked'}`;
    });
    const tab = async () => { await page.keyboard.press('Tab'); return focus(); };
    assert.equal(await tab(), 'origin');
    await page.keyboard.press('ArrowDown');
    assert.equal(await tab(), 'policy');
    assert.equal(await tab(), 'method');
    await page.keyboard.type('PUT');
    assert.equal(await tab(), 'path');
    assert.equal(await tab(), 'header');
    await page.keyboard.press('Space');
    assert.equal(await tab(), 'header');
    assert.equal(await tab(), 'header');
    assert.equal(await tab(), 'credentials');
    assert.equal(await tab(), 'Send');
    const denied = await press(() => page.keyboard.press('Enter'));
    assert.equal(denied.verdict, 'The browser does not send the request');
    assert.deepEqual(denied.nginx, ['OPTIONS 204 api denied_origin']);

    // The focus has stayed on the button; back to the origins.
    assert.equal(await focus(), 'Send');
    for (let i = 0; i < 8; i++) await page.keyboard.press('Shift+Tab');
    assert.equal(await focus(), 'origin');
    await page.keyboard.press('ArrowUp');
    const allowed = await press(() => page.keyboard.press('Enter'));
    assert.equal(allowed.verdict, 'The page reads the response');
    assert.deepEqual(allowed.nginx, ['OPTIONS 204 api allowed', 'PUT 200 api allowed']);
});

test('opened at the other address, it works as well', async () => {
    await page.goto(demo.denied);
    assert.equal((await send({})).verdict, 'The page reads the response');
    assert.equal((await send({ origin: demo.denied })).verdict, 'The browser keeps the response from the page');
});

test('the width of a phone: nothing is cut off, and the verdict comes into view', async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await send({ method: 'PUT' });
    assert.equal(await page.evaluate(() => document.scrollingElement.scrollWidth), 390);
    await page.waitForFunction(() => {
        const { top, bottom } = document.getElementById('verdict').getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight;
    });
});

test('every control has a label, and colours follow the scheme', async () => {
    const unlabelled = await page.evaluate(() => [...document.querySelectorAll('input, select, button, pre[tabindex], iframe')]
        .filter((element) => !element.labels?.length && !element.ariaLabel && !element.title && !element.textContent.trim())
        .map((element) => element.outerHTML));
    assert.deepEqual(unlabelled, []);
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await page.emulateMedia({ colorScheme: 'light' });
    const light = await background();
    await page.emulateMedia({ colorScheme: 'dark' });
    assert.notEqual(await background(), light);
});

test('a document with a mistake says so, and what was in force stays', async () => {
    assert.equal(await page.locator('#mistakes').isVisible(), false);
    const file = demo.path('conf/cors.yaml');
    const good = readFileSync(file, 'utf8');
    rmSync(file);
    writeFileSync(file, good.replace('http://localhost:*', 'HTTP://localhost:*'));
    await waitFor(async () => {
        await send({});
        return page.locator('#mistakes').isVisible();
    });
    assert.match(await page.locator('#mistakes').innerText(), /^nginx refuses [^]*cors\.yaml:\d+: policies\.api\.allow_origins\[2\]/);
    assert.equal((await send({})).verdict, 'The page reads the response');
    writeFileSync(file, good);
    await waitFor(async () => {
        await page.reload();
        await page.locator('button[type=submit]:enabled').waitFor();
        return !await page.locator('#mistakes').isVisible();
    });
});

test('the status page is linked', async () => {
    await send({ origin: demo.denied });
    await page.getByRole('link', { name: 'status page' }).click();
    assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'CORS policies of this nginx');
    assert.match(await page.locator('body').innerText(), /http:\/\/127\.0\.0\.1:\d+/);
});

test('nothing of it offends its Content-Security-Policy', () => {
    assert.deepEqual(violations, []);
});
