// nginx and Chromium together: pages of many origins, and what both sides have to say about a
// request that one of them sends.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

import { launch } from './chromium.js';
import { brief, Nginx } from './nginx.js';

export const API = 'https://api.example.com';

export class Site {
    /** Without `thirdPartyCookies`, Chromium keeps them back, as its settings have it at first. */
    static async open({ args = () => [], thirdPartyCookies = false } = {}) {
        const site = new Site();
        site.nginx = await Nginx.start();
        try {
            const profile = join(site.nginx.folder, 'profile');
            mkdirSync(join(profile, 'Default'), { recursive: true });
            writeFileSync(join(profile, 'Default/Preferences'),
                JSON.stringify({ profile: { cookie_controls_mode: thirdPartyCookies ? 0 : 1 } }));
            const { plainPort, tlsPort, spki } = site.nginx;
            site.context = await launch(profile, {
                args: [
                    // Every host is here; the port tells whether it speaks TLS.
                    '--host-resolver-rules=' + [
                        ...[80, 3000, 5173].map((port) => `MAP *:${port} 127.0.0.1:${plainPort}`),
                        ...[443, 8443].map((port) => `MAP *:${port} 127.0.0.1:${tlsPort}`),
                        'MAP * ~NOTFOUND',
                    ].join(', '),
                    `--ignore-certificate-errors-spki-list=${spki}`,
                    ...args(site.nginx),
                ],
            });
        } catch (error) {
            await site.nginx.stop();
            throw error;
        }
        return site;
    }

    #pages = new Map();
    #cases = 0;
    #messages = [];

    async close() {
        await this.context?.close();
        await this.nginx.stop();
    }

    /**
     * The page of an origin: `https://app.example.com`; `sandbox` for a sandboxed frame, and `file`
     * for a file, whose origins both are `null`.
     */
    page(origin) {
        if (!this.#pages.has(origin)) this.#pages.set(origin, this.#open(origin));
        return this.#pages.get(origin);
    }

    async #open(origin) {
        const page = await this.context.newPage();
        page.on('console', (message) => this.#messages.push(message.text()));
        if (origin === 'sandbox') {
            await page.goto('https://app.example.com/sandbox.html');
            return page.frames().find((frame) => frame.url().endsWith('/sandboxed.html'));
        }
        if (origin === 'file') {
            const folder = join(this.nginx.folder, 'files');
            mkdirSync(folder);
            writeFileSync(join(folder, 'page.html'), '<!doctype html><title>A file</title>');
            await page.goto(pathToFileURL(join(folder, 'page.html')).href);
            return page;
        }
        await page.goto(`${origin}/`);
        return page;
    }

    /** A URL that nothing else asks for, so that what nginx logs about it can be told apart. */
    url(path, host = API) {
        const url = new URL(path, host);
        url.searchParams.set('case', ++this.#cases);
        return url.href;
    }

    /**
     * Has a page fetch a path of the API, or of another host. Returns what the page sees: `status`, `headers` and
     * `body`, or `blocked`, the reason that Chromium gives; and `nginx`, what nginx logged, a line
     * `METHOD STATUS policy decision allowed-origin` for each request.
     */
    async fetch(origin, path, options = {}, host = API) {
        const url = this.url(path, host);
        const page = await this.page(origin);
        const seen = await page.evaluate(async ([target, init]) => {
            try {
                const response = await fetch(target, init);
                return {
                    status: response.status,
                    headers: Object.fromEntries(response.headers),
                    body: await response.text(),
                };
            } catch (error) {
                return { error: `${error.name}: ${error.message}` };
            }
        }, [url, options]);
        if (seen.error === 'TypeError: Failed to fetch') seen.blocked = await this.message(url);
        return { ...seen, nginx: await this.logged(url) };
    }

    /** The reason in Chromium's message that a response of this URL was kept from the page. */
    async message(url) {
        const ours = (text) => text.includes(`'${url}'`) && text.includes('by CORS policy: ');
        for (let waited = 0; waited < 5000; waited += 10) {
            const message = this.#messages.find(ours);
            if (message) return message.slice(message.indexOf('policy: ') + 'policy: '.length);
            await sleep(10);
        }
        return null;
    }

    /** What nginx logged about a URL. */
    async logged(url) {
        return (await this.entries(url)).map(brief);
    }

    async entries(url) {
        const marker = `case=${new URL(url).searchParams.get('case')}`;
        return (await this.nginx.log())
            .filter((entry) => entry.uri.split('?')[1]?.split('&').includes(marker));
    }
}
