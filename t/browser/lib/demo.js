// The demo, as `make run` starts it.

import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { freePort } from './nginx.js';

export class Demo {
    /** Starts the demo, and waits until it has said what there is. */
    static async start({ port } = {}) {
        const demo = new Demo();
        for (let attempt = 1; ; attempt++) {
            // It takes the port above for the playground.
            if (await demo.#run(port ?? await freePort())) return demo;
            if (attempt === 5) {
                await demo.stop();
                throw new Error(`the demo does not start:\n${demo.output}`);
            }
        }
    }

    #process;
    #ended;

    constructor() {
        this.folder = mkdtempSync(join(tmpdir(), 'cors-policy-browser.'));
        process.once('exit', () => this.#process?.kill());
    }

    async #run(port) {
        this.allowed = `http://localhost:${port + 1}`;
        this.denied = `http://127.0.0.1:${port + 1}`;
        this.output = '';
        const child = spawn(resolve(import.meta.dirname, '../../../build/run'), {
            env: { ...process.env, PORT: `${port}`, TMPDIR: this.folder },
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        this.#process = child;
        this.#ended = new Promise((end) => child.once('exit', end));
        const ready = new Promise((said) => {
            for (const stream of [child.stdout, child.stderr]) {
                stream.on('data', (text) => {
                    this.output += text;
                    if (this.output.includes('Ctrl-C stops it.')) said(true);
                });
            }
        });
        return Promise.race([ready, this.#ended.then(() => false)]);
    }

    /** A file of nginx. */
    path(name) {
        const prefix = readdirSync(this.folder).find((name) => name.startsWith('cors-policy-demo.'));
        return join(this.folder, prefix, name);
    }

    /** What nginx has logged of the playground's requests. */
    log() {
        return readFileSync(this.path('logs/playground.log'), 'utf8')
            .split('\n').filter(Boolean).map((line) => JSON.parse(line));
    }

    async stop() {
        this.#process?.kill();
        await this.#ended;
        // Chromium's last processes may still be writing to its profile.
        rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    }
}
