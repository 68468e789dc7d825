// The nginx under test, with a folder of its own, its log as objects.

import { execFileSync, spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const here = resolve(import.meta.dirname, '..');
const dist = resolve(process.env.DIST ?? resolve(here, '../../dist'));

export const policies = join(here, 'cors.yaml');
export const tool = join(dist, 'cors-policy');

/** A port on which nothing listens. */
export function freePort() {
    return new Promise((found, failed) => {
        const server = net.createServer().on('error', failed);
        server.listen(0, '127.0.0.1', () => {
            const { port } = server.address();
            server.close(() => found(port));
        });
    });
}

export class Nginx {
    /** Starts nginx with nginx.conf beside this folder. */
    static async start() {
        const nginx = new Nginx();
        try {
            // Another process may take a port between the search for it and nginx's bind().
            for (let attempt = 1; !(await nginx.#listen()); attempt++) {
                if (attempt === 5) {
                    throw new Error(`nginx does not start:\n${nginx.#read('error.log')}`);
                }
            }
        } catch (error) {
            await nginx.stop();
            throw error;
        }
        return nginx;
    }

    #process;
    #sentinels = 0;

    constructor() {
        this.folder = mkdtempSync(join(tmpdir(), 'cors-policy-browser.'));
        mkdirSync(join(this.folder, 'logs'));
        writeFileSync(join(this.folder, 'users'), 'demo:{PLAIN}demo\n');
        this.spki = this.#certify();
        // However the test ends.
        process.once('exit', () => this.#process?.kill('SIGKILL'));
    }

    /** Makes a certificate for this run. Returns by what Chromium can be told to trust it. */
    #certify() {
        const [key, certificate] = [join(this.folder, 'key.pem'), join(this.folder, 'cert.pem')];
        execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt',
            'ec_paramgen_curve:prime256v1', '-nodes', '-subj', '/CN=example.com', '-days', '2',
            '-keyout', key, '-out', certificate], { stdio: ['ignore', 'ignore', 'pipe'] });
        const { publicKey } = new X509Certificate(readFileSync(certificate));
        return createHash('sha256')
            .update(publicKey.export({ type: 'spki', format: 'der' }))
            .digest('base64');
    }

    async #listen() {
        this.plainPort = await freePort();
        this.tlsPort = await freePort();
        const configuration = readFileSync(join(here, 'nginx.conf'), 'utf8')
            .replaceAll('@MODULE@', join(dist, 'ngx_http_cors_policy_module.so'))
            .replaceAll('@POLICIES@', policies)
            .replaceAll('@PAGES@', join(here, 'pages'))
            .replaceAll('@PLAIN@', `127.0.0.1:${this.plainPort}`)
            .replaceAll('@TLS@', `127.0.0.1:${this.tlsPort}`)
            .replaceAll('@FOLDER@', this.folder);
        writeFileSync(join(this.folder, 'nginx.conf'), configuration);
        // As root, nginx's workers would be `nobody`, who may not be allowed to read the pages.
        const user = process.getuid() === 0 ? ' user root;' : '';
        const child = spawn(join(dist, 'nginx'), ['-p', this.folder, '-c', 'nginx.conf',
            '-e', join(this.folder, 'error.log'), '-g', `daemon off;${user}`], { stdio: 'ignore' });
        this.ended = new Promise((end) => child.once('error', end).once('exit', end));
        let running = true;
        this.ended.then(() => { running = false; });
        // It writes the file when it listens.
        while (!existsSync(join(this.folder, 'nginx.pid'))) {
            if (!running) return false;
            await sleep(10);
        }
        this.#process = child;
        return true;
    }

    async stop() {
        this.#process?.kill('SIGTERM');
        await this.ended;
        // Chromium's last processes may still be writing to its profile.
        rmSync(this.folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
    }

    #read(name) {
        const path = join(this.folder, name);
        return existsSync(path) ? readFileSync(path, 'utf8') : '';
    }

    /** What nginx has logged about all requests that it got before this call, in their order. */
    async log() {
        // nginx has one worker, which logs a request when it is done with it: what came before this
        // one stands before it.
        const sentinel = `/sentinel/${++this.#sentinels}`;
        await new Promise((done, failed) => {
            http.get({ port: this.plainPort, host: '127.0.0.1', path: sentinel, agent: false },
                (response) => response.resume().on('end', done)).on('error', failed);
        });
        for (;;) {
            const lines = this.#read('logs/access.json').split('\n');
            const end = lines.findIndex((line) => line.includes(sentinel));
            if (end >= 0) {
                return lines.slice(0, end).map((line) => JSON.parse(line))
                    .filter((line) => !line.uri.startsWith('/sentinel/'));
            }
            await sleep(5);
        }
    }
}

/** A line of the log in short. */
export function brief({ method, status, policy, decision, allow_origin = '' }) {
    return [method, status, policy, decision, allow_origin].filter((part) => part !== '').join(' ');
}
