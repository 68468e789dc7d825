// The page of cors_policy_status, in a browser: on a phone, in the dark, by keyboard, without scripts.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { rmSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';

import { launch } from './lib/chromium.js';
import { Demo } from './lib/demo.js';

const HOSTILE = 'https://<script>document.title="lost"</script>"\'&.example';

let demo;
let context;
let page;
const violations = [];
const requested = new Set();

/** Asks the gateway or the server of the page, as no browser would. */
function ask(url, headers = {}, method = 'GET') {
    return new Promise((answer, fail) => {
        request(url, { method, headers }, (response) => {
            let body = '';
            response.setEncoding('utf8').on('data', (text) => { body += text; })
                .on('end', () => answer({ status: response.statusCode, headers: response.headers, body }));
        }).on('error', fail).end();
    });
}

before(async () => {
    demo = await Demo.start();
    const gateway = demo.denied.replace(/\d+$/, (port) => port - 1);
    await ask(`${gateway}/api/items`, { Origin: 'https://app.example.com' });
    await ask(`${gateway}/api/items`, { Origin: 'http://app.example.com' });
    await ask(`${gateway}/api/items`, { Origin: HOSTILE });
    await ask(`${gateway}/api/items`, { Origin: `https://${'a'.repeat(400)}.example` });
    for (let n = 0; n < 150; n++) await ask(`${gateway}/api/items`, { Origin: `https://${n}.bots.example` });

    const file = demo.path('conf/cors.yaml');
    const good = readFileSync(file, 'utf8');
    rmSync(file);
    writeFileSync(file, good.replace('http://localhost:*', 'HTTP://<b>localhost</b>'));
    for (let attempt = 0; ; attempt++) {
        const { body } = await ask(`${demo.denied}/status?format=json`);
        if (JSON.parse(body).files.some((one) => !one.success)) break;
        assert.ok(attempt < 50, 'the mistake is not seen');
        await new Promise((waited) => setTimeout(waited, 200));
    }

    context = await launch(`${demo.folder}/profile`, { javaScriptEnabled: false });
    context.on('console', (message) => violations.push(message.text()));
    page = await context.newPage();
    page.on('request', (one) => requested.add(one.url()));
    await page.goto(`${demo.denied}/status`);
});
after(async () => {
    await context?.close();
    await demo?.stop();
});

test('it has what there is, without scripts', async () => {
    const text = await page.locator('main').innerText();
    assert.match(text, /the last change was refused/);
    assert.match(text, /HTTP:\/\/<b>localhost<\/b>/);
    assert.match(text, /only the scheme is different: https:\/\/app\.example\.com is allowed/);
    assert.match(text, /100 of 15\d/);
    assert.equal(await page.locator('script, link, img, iframe').count(), 0);
    assert.equal(await page.title(), 'CORS policies');
});

test('what comes from requests is text', async () => {
    const { body } = await ask(`${demo.denied}/status?format=json`);
    const origins = JSON.parse(body).refused.api.map(({ origin }) => origin);
    assert.ok(origins.includes(HOSTILE), 'the JSON has it unchanged');
    assert.ok(origins.some((origin) => origin.endsWith('…') && origin.length > 300), 'a long one is cut');
    const html = (await ask(`${demo.denied}/status?format=html`)).body;
    assert.doesNotMatch(html, /<script|<b>/);
});

test('nothing is loaded, and nothing offends its Content-Security-Policy', async () => {
    const icon = new URL('/favicon.ico', demo.denied).href;
    assert.deepEqual([...requested].filter((url) => url !== icon), [`${demo.denied}/status`]);
    assert.deepEqual(violations.filter((text) => /Content Security/.test(text)), []);
    const display = await page.locator('svg').first().evaluate((element) => getComputedStyle(element).display);
    assert.equal(display, 'block', 'its style is in force');
});

test('its Content-Security-Policy keeps out what does not belong to it', async () => {
    const other = await launch(`${demo.folder}/with-scripts`);
    const messages = [];
    const tampered = await other.newPage();
    tampered.on('console', (message) => messages.push(message.text()));
    await tampered.route('**/status', async (route) => {
        const response = await route.fetch();
        const body = (await response.text()).replace('</main>',
            '<style>main { display: none }</style><script>document.title = "changed"</script></main>');
        await route.fulfill({ response, body });
    });
    await tampered.goto(`${demo.denied}/status`);
    assert.equal(await tampered.title(), 'CORS policies');
    assert.equal(await tampered.locator('h1').isVisible(), true);
    assert.equal(messages.filter((text) => /Content Security Policy/.test(text)).length, 2, messages.join('\n'));
    await other.close();
});

test('formats', async () => {
    const types = {
        '': ['text/html,application/xhtml+xml,*/*;q=0.8', 'text/html'],
        '?format=text': ['text/html', 'text/plain'],
        '?format=json': ['text/html', 'application/json'],
        '?format=html': ['text/plain', 'text/html'],
    };
    for (const [query, [accept, type]] of Object.entries(types)) {
        const { status, headers } = await ask(`${demo.denied}/status${query}`, { Accept: accept });
        assert.equal(status, 200);
        assert.ok(headers['content-type'].startsWith(type), `${query}: ${headers['content-type']}`);
        assert.equal(headers.vary, 'Accept');
        assert.equal(headers['x-content-type-options'], 'nosniff');
        assert.match(headers['cache-control'], /no-store/);
        assert.equal('content-security-policy' in headers && /style-src 'sha256-/.test(headers['content-security-policy']), type === 'text/html');
    }
    assert.equal((await ask(`${demo.denied}/status?format=nonsense`)).status, 400);
});

test('the width of a phone, and a wide one: nothing is cut off', async () => {
    const size = page.viewportSize();
    for (const width of [390, 1280]) {
        await page.setViewportSize({ width, height: 844 });
        await page.goto(`${demo.denied}/status`);
        assert.ok(await page.evaluate(() => document.scrollingElement.scrollWidth) <= width, `${width}`);
    }
    await page.setViewportSize({ width: 390, height: 844 });
    const outside = await page.evaluate(() => [...document.querySelectorAll('td, th, pre, p, h1, h2, h3, caption')]
        .filter((element) => element.checkVisibility() && element.closest('thead') === null)
        .filter((element) => element.getBoundingClientRect().right > 390.5)
        .map((element) => element.outerHTML));
    assert.deepEqual(outside, []);
    await page.setViewportSize(size);
});

test('tables have headers, and headings are in order', async () => {
    for (const table of await page.locator('table').all()) {
        const columns = await table.locator('thead th[scope=col]').count();
        assert.ok(columns > 0);
        assert.equal(await table.locator('tbody tr').first().locator('td').count(), columns);
    }
    const levels = await Promise.all((await page.locator('h1, h2, h3').all()).map(async (heading) =>
        Number((await heading.getAttribute('id'), await heading.evaluate((element) => element.tagName)).slice(1))));
    levels.forEach((level, index) => assert.ok(level <= (levels[index - 1] ?? 0) + 1, levels.join(' ')));
    assert.equal(levels.filter((level) => level === 1).length, 1);
});

test('by keyboard: links and every region that scrolls', async () => {
    const focusable = await page.locator('a, [tabindex="0"]').count();
    const seen = new Set();
    let count = 0;
    for (let n = 0; n < focusable; n++) {
        await page.keyboard.press('Tab');
        const focused = page.locator(':focus');
        const { outline, name } = await focused.evaluate((element) => ({
            outline: getComputedStyle(element).outlineStyle,
            name: element.ariaLabel ?? element.getAttribute('aria-labelledby') ?? element.textContent,
        }));
        assert.notEqual(outline, 'none', name);
        seen.add(name);
        count += 1;
    }
    assert.equal(count, focusable);
    assert.ok(seen.size >= 4, [...seen].join(', '));
    const unreachable = await page.evaluate(() => [...document.querySelectorAll('main *')]
        .filter((element) => element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX === 'auto')
        .filter((element) => element.tabIndex < 0).map((element) => element.outerHTML));
    assert.deepEqual(unreachable, [], 'what scrolls can be reached');
});

test('light and dark: the contrast is enough', async () => {
    const luminance = (colour) => {
        const [r, g, b] = colour.match(/\d+/g).slice(0, 3).map((part) => {
            const value = part / 255;
            return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const grounds = [];
    for (const colorScheme of ['light', 'dark']) {
        await page.emulateMedia({ colorScheme });
        const ground = await page.locator('body').evaluate((element) => getComputedStyle(element).backgroundColor);
        grounds.push(ground);
        for (const selector of ['body', '.faint', '.good', '.bad', 'a']) {
            const colour = await page.locator(selector).first().evaluate((element) => getComputedStyle(element).color);
            const [low, high] = [luminance(ground), luminance(colour)].sort((a, b) => a - b);
            const contrast = (high + 0.05) / (low + 0.05);
            assert.ok(contrast >= 4.5, `${selector} in the ${colorScheme}: ${contrast.toFixed(1)}`);
        }
    }
    assert.notEqual(grounds[0], grounds[1]);
});
