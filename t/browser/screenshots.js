// Takes the pictures in docs/: node t/browser/screenshots.js, after `make browser-test`.

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
await context.close();
await demo.stop();
