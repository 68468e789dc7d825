// Hostile and broken servers: the probe ends in time, in little memory, and says what happened in one line.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import https from 'node:https';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { Certificates } from './lib/certificates.js';
import { curl } from './lib/curl.js';
import { listen, onRequest, reflecting } from './lib/hostile.js';
import { probe } from './lib/probe.js';
import { control, hostile } from './servers/hostile.js';
import { certificates, handshakes, http2Servers, reflect } from './servers/hostile-tls.js';

const ORIGIN = ['--origin', 'https://app.example.com'];

/** Runs the probe against a server, and looks whether it ends as the description of the server says. */
async function judge({ may, fails }, url, { more = [], ...options } = {}) {
    const run = await probe([url, ...ORIGIN, ...more], options);
    run.checkBounds();
    if (run.status === 2) {
        run.checkFailure(url, fails);
    } else if (options.format === 'text') {
        assert.equal(may, 'either', run.output);
    } else {
        const found = run.findings(url).map(({ id }) => id);
        assert.ok(may, `it cannot have been asked:\n${run.output}`);
        if (may === 'find') assert.ok(found.includes('reflects-any-origin'), run.output);
        if (may === 'pass') assert.deepEqual(found, []);
    }
}

function tcp({ connected }) {
    return listen(net.createServer(connected));
}

/** Looks whether curl gives up on a server as its description says. */
async function check(description, url, ...more) {
    assert.ok([description.curl].flat().includes(await curl(url, ...more)));
}

// The slow ones wait for the probe to lose patience, and need nothing meanwhile.
describe('over TCP', { concurrency: 8 }, () => {
    for (const description of [...hostile, ...control]) {
        test(`${description.name}: the server is as described`, async (t) => {
            const { port, close } = await tcp(description);
            t.after(close);
            await check(description, `http://127.0.0.1:${port}/data`);
        });
    }

    for (const description of hostile) {
        test(description.name, async (t) => {
            const { port, close } = await tcp(description);
            t.after(close);
            await judge(description, `http://127.0.0.1:${port}/data`);
        });
    }

    for (const description of control) {
        for (const format of ['json', 'text']) {
            test(`${description.name}, as ${format}`, async (t) => {
                const { port, close } = await tcp(description);
                t.after(close);
                await judge(description, `http://127.0.0.1:${port}/data`, { format });
            });
        }
    }

    test('a server of this kind that is no harm is asked', async (t) => {
        const { port, close } = await tcp({
            connected: onRequest((socket, request) => socket.end(reflecting(request, 'Content-Length: 0'))),
        });
        t.after(close);
        await judge({ may: 'find', fails: /never/ }, `http://127.0.0.1:${port}/data`);
    });

    test('a port where nothing listens', async () => {
        const server = net.createServer().listen(0, '127.0.0.1');
        await once(server, 'listening');
        const { port } = server.address();
        await once(server.close(), 'close');
        await judge({ fails: /refused|no server|nothing listens|connect/i }, `http://127.0.0.1:${port}/data`);
    });

    test('a name that does not resolve', async () => {
        await judge({ fails: /resolv|find|look|name|address/i }, 'http://nobody.invalid/data');
    });
});

describe('over TLS', { concurrency: 8 }, () => {
    const identities = {};
    let authority;

    before(() => {
        authority = new Certificates();
        identities.sound = authority.sign('IP:127.0.0.1');
        identities.otherName = authority.sign('DNS:elsewhere.example');
        identities.expired = authority.sign('IP:127.0.0.1', { begin: '20200101000000Z', end: '20200201000000Z' });
        identities.early = authority.sign('IP:127.0.0.1', { begin: '20980101000000Z', end: '20990101000000Z' });
        identities.selfSigned = authority.selfSigned('IP:127.0.0.1');
    });
    after(() => authority.remove());

    async function serve(t, { make, identity = 'sound' }) {
        const { port, close } = await listen(make(identities[identity]));
        t.after(close);
        return `https://127.0.0.1:${port}/data`;
    }

    for (const description of [...certificates, ...handshakes, ...http2Servers]) {
        test(`${description.name}: the server is as described`, async (t) => {
            await check(description, await serve(t, description), '--cacert', authority.environment.SSL_CERT_FILE);
        });

        test(description.name, async (t) => {
            const url = await serve(t, description);
            await judge(description, url, { environment: authority.environment });
        });
    }

    for (const { name, identity, make } of certificates) {
        test(`${name}, with --insecure`, async (t) => {
            const url = await serve(t, { identity, make });
            await judge({ may: 'find', fails: /never/ }, url, { more: ['--insecure'] });
        });
    }

    for (const [version, make] of [
        ['1.1', (identity) => https.createServer(identity)],
        ['2.0', (identity) => http2.createSecureServer(identity)],
    ]) {
        test(`a sound certificate is trusted, and HTTP/${version} is spoken`, async (t) => {
            const versions = new Set();
            const url = await serve(t, {
                make: (identity) => make(identity).on('request', (request, response) => {
                    versions.add(request.httpVersion);
                    reflect(request, response);
                }),
            });
            await judge({ may: 'find', fails: /never/ }, url, { environment: authority.environment });
            assert.deepEqual([...versions], [version]);
        });
    }
});
