// The requests that arrive: few, polite, and to the named host only.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Certificates } from './lib/certificates.js';
import { probe } from './lib/probe.js';
import { Recorder } from './lib/recorder.js';

const APP = 'https://app.example.com';
const MANY = Array.from({ length: 12 }, (_, i) => ['--origin', `https://app${i}.example.com`]).flat();

/** A document with so many origins. */
function documentOf(count) {
    const origins = Array.from({ length: count }, (_, i) => `      - https://page${i}.example.com\n`);
    return `version: 1\npolicies:\n  api:\n    allow_origins:\n${origins.join('')}    allow_credentials: true\n`;
}

/** What holds for the requests of every run. */
function checkManners({ requests, together }) {
    assert.ok(requests.length > 0, 'nothing was asked');
    assert.ok(requests.length <= 200, `${requests.length} requests`);
    assert.ok(together <= 5, `${together} requests at once`);
    for (const request of requests) {
        const { method, headers, body } = request;
        assert.ok(['GET', 'HEAD', 'OPTIONS'].includes(method), method);
        assert.match(headers['user-agent'] ?? '', /^cors-policy\b/);
        assert.equal(body, 0);
        for (const name of ['cookie', 'authorization', 'referer']) assert.equal(headers[name], undefined, name);
    }
    checkPreflights(requests.filter(({ method }) => method === 'OPTIONS'));
    const paths = new Set(requests.map(({ url }) => url.split('?')[0]));
    assert.ok(paths.delete('/data'));
    assert.ok(paths.size <= 1, [...paths].join(' '));
    for (const path of paths) assert.match(path, /^\/[^/]+$/);
}

/** Preflights are as browsers write them: https://fetch.spec.whatwg.org/#cors-preflight-fetch */
function checkPreflights(preflights) {
    for (const { headers } of preflights) {
        assert.ok(headers.origin);
        assert.ok(headers['access-control-request-method']);
        const names = headers['access-control-request-headers'];
        if (names !== undefined) assert.equal(names, names.toLowerCase().split(/, */).toSorted().join(','));
    }
}

/** What holds for a run whose arguments are wrong. */
function checkRefusal(run) {
    assert.equal(run.status, 2, run.output);
    assert.equal(run.stdout, '');
    assert.notEqual(run.stderr, '');
    // It is the value that is wrong, and no part of the command line that is unknown.
    assert.doesNotMatch(run.stderr, /unrecognized subcommand|unexpected argument/);
}

describe('requests', { concurrency: 4 }, () => {
    let folder, authority, identity;

    before(() => {
        folder = mkdtempSync(join(tmpdir(), 'cors-policy-probe.'));
        authority = new Certificates();
        identity = authority.sign('IP:127.0.0.1');
    });
    after(() => {
        authority.remove();
        rmSync(folder, { recursive: true });
    });

    async function record(t, options) {
        const recorder = await Recorder.start(options);
        t.after(() => recorder.close());
        return recorder;
    }

    function document(name, count) {
        const path = join(folder, name);
        writeFileSync(path, documentOf(count));
        return path;
    }

    test('a dozen origins', async (t) => {
        const recorder = await record(t);
        const url = `http://127.0.0.1:${recorder.port}/data`;
        (await probe([url, ...MANY])).findings(url);
        checkManners(recorder);
        assert.ok(recorder.requests.some(({ headers }) => headers.origin === undefined));
        assert.ok(recorder.requests.some(({ method }) => method === 'OPTIONS'));
        for (const origin of MANY.filter((word) => word !== '--origin')) {
            assert.ok(recorder.requests.some(({ headers }) => headers.origin === origin), `${origin} was not asked for`);
        }
    });

    test('a dozen origins over HTTP/2', async (t) => {
        const recorder = await record(t, { identity });
        const url = `https://127.0.0.1:${recorder.port}/data`;
        (await probe([url, ...MANY], { environment: authority.environment })).findings(url);
        checkManners(recorder);
    });

    test('no origin', async (t) => {
        const recorder = await record(t);
        const url = `http://127.0.0.1:${recorder.port}/data`;
        const found = (await probe([url])).findings(url).map(({ id }) => id);
        assert.ok(found.includes('reflects-any-origin'));
        checkManners(recorder);
    });

    test('a policy of a thousand origins', async (t) => {
        const recorder = await record(t);
        const url = `http://127.0.0.1:${recorder.port}/data`;
        const run = await probe([url, document('thousand.yaml', 1000), '--policy', 'api', '--origin', APP]);
        // It may say that these are too many, or ask for some of them.
        if (run.status === 2) assert.match(run.stderr, /origins|requests/);
        else checkManners(recorder);
        assert.ok(recorder.requests.length <= 200, `${recorder.requests.length} requests`);
    });

    test('the query of the address stays', async (t) => {
        const recorder = await record(t);
        const url = `http://127.0.0.1:${recorder.port}/data?page=2`;
        (await probe([url, '--origin', APP])).findings(url);
        checkManners(recorder);
        for (const request of recorder.requests.filter(({ url: asked }) => asked.startsWith('/data'))) {
            assert.match(request.url, /[?&]page=2(&|$)/);
        }
    });

    test('a redirect is not followed, and headers stay with the named host', async (t) => {
        const elsewhere = await record(t);
        const recorder = await record(t, {
            answer: (request, response) => {
                response.writeHead(302, { Location: `http://127.0.0.1:${elsewhere.port}/data` }).end();
            },
        });
        const url = `http://127.0.0.1:${recorder.port}/data`;
        await probe([url, '--origin', APP, '-H', 'X-Secret: 1']);
        assert.ok(recorder.requests.length > 0);
        assert.equal(elsewhere.connections, 0);
    });

    test('headers are sent with requests, and as in browsers not with preflights', async (t) => {
        const recorder = await record(t);
        const url = `http://127.0.0.1:${recorder.port}/data`;
        await probe([url, '--origin', APP, '-H', 'X-Secret: 1', '-H', 'X-Other: a: b']);
        const sent = (wanted) => recorder.requests.filter(({ method }) => (method === 'OPTIONS') === (wanted === 'OPTIONS'))
            .map(({ headers }) => [headers['x-secret'], headers['x-other']].join());
        assert.deepEqual(new Set(sent('OPTIONS')), new Set([',']));
        // One request comes without, to see what a refusal looks like.
        const requests = sent('GET');
        assert.deepEqual(new Set(requests), new Set(['1,a: b', ',']));
        assert.equal(requests.filter((of) => of === ',').length, 1);
        checkManners(recorder);
    });

    test('a proxy of the environment is asked, but not for hosts that NO_PROXY names', async (t) => {
        const [proxy, recorder] = [await record(t), await record(t)];
        const args = [`http://127.0.0.1:${recorder.port}/data`, '--origin', APP];
        const environment = { http_proxy: `http://127.0.0.1:${proxy.port}`, NO_PROXY: '' };
        await probe(args, { environment });
        assert.ok(proxy.requests.length > 0);
        assert.equal(recorder.connections, 0);
        const asked = proxy.connections;
        await probe(args, { environment: { ...environment, NO_PROXY: '127.0.0.1' } });
        assert.ok(recorder.requests.length > 0);
        assert.equal(proxy.connections, asked);
    });

    test('--resolve: another address for the named host', async (t) => {
        const recorder = await record(t);
        const host = `api.example.com:${recorder.port}`;
        const url = `http://${host}/data`;
        (await probe([url, '--origin', APP, '--resolve', `${host}:127.0.0.1`])).findings(url);
        checkManners(recorder);
        for (const { headers } of recorder.requests) assert.equal(headers.host, host);
    });

    test('--delay: a pause between two requests', async (t) => {
        const recorder = await record(t);
        const url = `http://127.0.0.1:${recorder.port}/data`;
        (await probe([url, '--origin', APP], { pause: ['--delay', '50ms'] })).findings(url);
        checkManners(recorder);
        const times = recorder.requests.map(({ at }) => at);
        const gaps = times.slice(1).map((time, i) => time - times[i]);
        // Between two clocks, ten milliseconds are nothing.
        assert.ok(Math.min(...gaps) >= 40, `${Math.min(...gaps)} milliseconds`);
    });

    const mistakes = {
        'an origin that is none': ['--origin', 'app.example.com/path'],
        'a header without a colon': ['-H', 'X-Secret'],
        'a header of two lines': ['-H', 'X-Secret: 1\r\nX-Other: 2'],
        'a policy without a file': ['--policy', 'api'],
        'a file that is missing': ['missing.yaml', '--policy', 'api'],
    };
    for (const [name, words] of Object.entries(mistakes)) {
        test(`${name}: nothing is asked`, async (t) => {
            const recorder = await record(t);
            const run = await probe([`http://127.0.0.1:${recorder.port}/data`, ...words]);
            checkRefusal(run);
            assert.equal(recorder.connections, 0);
        });
    }

    test('a policy that the file does not have: nothing is asked', async (t) => {
        const recorder = await record(t);
        const file = document('one.yaml', 1);
        const run = await probe([`http://127.0.0.1:${recorder.port}/data`, file, '--policy', 'other']);
        checkRefusal(run);
        assert.match(run.stderr, /other/);
        assert.equal(recorder.connections, 0);
    });

    const addresses = ['ftp://127.0.0.1/data', '127.0.0.1/data', 'http://127.0.0.1:99999/', 'http:///', 'file:///etc'];
    for (const url of addresses) {
        test(`${url} is no address to ask`, async () => {
            checkRefusal(await probe([url]));
        });
    }
});
