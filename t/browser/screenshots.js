// Takes the pictures in docs/: node t/browser/screenshots.js, after `make browser-test`.

import { request } from 'node:http';
import { resolve } from 'node:path';

import { launch } from './lib/chromium.js';
import { Demo } from './lib/demo.js';

const docs = resolve(import.meta.dirname, '../../docs');
const demo = await Demo.start({ port: 8080 });
const context = await launch(`${demo.folder}/profile`, { viewport: { width: 1200, height: 1030 } });
const page = await context.newPage();
await page.goto(demo.allowed);
await page.getByLabel('Method').selectOption('PATCH');
await page.getByRole('checkbox', { name: /Content-Type/ }).check();
await page.getByRole('button', { name: 'Send' }).click();
await page.locator('#details').waitFor();
for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${docs}/playground-${colorScheme}.png` });
}

// The status page, after some traffic: pages that are allowed, one that was forgotten, and lookalikes.
const gateway = demo.denied.replace(/\d+$/, (port) => port - 1);
const ask = async (count, path, origin, method) => {
    const headers = { Origin: origin, ...method && { 'Access-Control-Request-Method': method } };
    for (let n = 0; n < count; n++) {
        await new Promise((end) => request(gateway + path, { method: method ? 'OPTIONS' : 'GET', headers },
            (response) => response.resume().on('end', end)).end());
    }
};
await ask(240, '/api/items', 'https://app.example.com');
await ask(60, '/api/items', 'https://app.example.com', 'PUT');
await ask(90, '/public/', 'https://anybody.example');
await ask(38, '/api/items', 'https://shop.example.com');
await ask(12, '/api/items', 'http://app.example.com');
await ask(5, '/api/items', 'https://app.example.com.evil.example');
await ask(3, '/api/items', 'https://app.example.com', 'PATCH');
await ask(2, '/guarded/items', 'null');
await page.goto(`${demo.allowed}/status`);
// The folder of the demo is not that of a reader.
await page.evaluate(() => {
    for (const file of document.querySelectorAll('.file code')) file.textContent = '/etc/nginx/cors.yaml';
});
for (const [name, width, colorScheme] of [['status', 1280, 'light'], ['status-390', 390, 'dark']]) {
    await page.setViewportSize({ width, height: 1030 });
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${docs}/${name}.png`, fullPage: true });
}
await context.close();
await demo.stop();
