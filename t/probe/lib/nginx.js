// nginx in a folder of its own.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const dist = resolve(process.env.DIST ?? resolve(import.meta.dirname, '../../../dist'));

const MODULE = join(dist, 'ngx_http_cors_policy_module.so');

export class Nginx {
    #process;
    #ended;

    /**
     * Starts nginx with what stands in `http`. With `files`, a map of names to texts, they lie beside nginx.conf.
     * With `module`, the module is loaded. Throws what nginx says if it does not start.
     */
    static async start(http, { files = {}, module = false } = {}) {
        const nginx = new Nginx();
        const load = module ? `load_module ${MODULE};\n` : '';
        nginx.#write('nginx.conf', `${load}events {}\nhttp {\naccess_log off;\n${http}\n}\n`);
        for (const [name, text] of Object.entries(files)) nginx.#write(name, text);
        try {
            await nginx.#run();
        } catch (error) {
            await nginx.stop();
            throw error;
        }
        return nginx;
    }

    constructor() {
        this.folder = mkdtempSync(join(tmpdir(), 'cors-policy-probe.'));
        // However the test ends.
        process.once('exit', () => this.#process?.kill('SIGKILL'));
    }

    async #run() {
        const child = spawn(join(dist, 'nginx'), ['-p', this.folder, '-c', 'nginx.conf', '-e', 'error.log',
            '-g', 'daemon off; master_process off; pid nginx.pid;'], { stdio: 'ignore' });
        this.#process = child;
        let running = true;
        this.#ended = new Promise((end) => child.once('error', end).once('exit', end));
        this.#ended.then(() => { running = false; });
        // It writes the file when it listens.
        while (!existsSync(join(this.folder, 'nginx.pid'))) {
            if (!running) throw new Error(`nginx does not start:\n${this.errors()}`);
            await sleep(5);
        }
    }

    /** What nginx has logged as an error. */
    errors() {
        const log = join(this.folder, 'error.log');
        return existsSync(log) ? readFileSync(log, 'utf8') : '';
    }

    async stop() {
        this.#process?.kill('SIGTERM');
        await this.#ended;
        rmSync(this.folder, { recursive: true, force: true });
    }

    #write(name, text) {
        writeFileSync(join(this.folder, name), text);
    }
}
