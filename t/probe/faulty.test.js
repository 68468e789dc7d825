// Faulty servers: exactly what holds is found.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { argumentsFor } from './lib/arguments.js';
import { identify } from './lib/identify.js';
import { probe } from './lib/probe.js';
import { Servers } from './lib/servers.js';
import { caches } from './servers/faulty-cache.js';
import { express5 } from './servers/faulty-express.js';
import { byHand } from './servers/faulty-nginx.js';

const GROUPS = { 'nginx by hand': byHand, Express: express5, 'a cache of nginx': caches };

for (const [group, descriptions] of Object.entries(GROUPS)) {
    describe(group, { concurrency: 4 }, () => {
        let servers;
        before(async () => { servers = await Servers.start(descriptions); });
        after(() => servers.stop());

        for (const description of descriptions) {
            const { name, origins, headers, expected } = description;

            test(`${name}: the server is as described`, async () => {
                assert.deepEqual(await identify(servers.url(description), origins, { headers }), expected);
            });

            test(`${name}: what the probe finds`, async () => {
                const url = servers.url(description);
                const run = await probe(argumentsFor(description, url));
                const found = run.findings(url).map(({ id }) => id);
                assert.deepEqual([...new Set(found)].toSorted(), expected, run.output);
            });
        }
    });
}

test('a report as text names every identifier', async () => {
    const description = byHand.find(({ name }) => name === 'much at once');
    const servers = await Servers.start([description]);
    try {
        const run = await probe(argumentsFor(description, servers.url(description)), { format: 'text' });
        assert.equal(run.status, 1, run.output);
        for (const id of description.expected) assert.ok(run.stdout.includes(id), `${id}:\n${run.output}`);
    } finally {
        await servers.stop();
    }
});

test('every identifier that needs no policy is expected somewhere, from nginx and from Express', () => {
    const expected = (descriptions) => new Set(descriptions.flatMap((description) => description.expected));
    const all = ['allows-insecure-scheme', 'allows-null', 'duplicate-headers', 'errors-unreadable', 'matches-prefix',
        'matches-suffix', 'missing-vary', 'multiple-origins', 'preflight-fails', 'preflight-redirects',
        'reflects-any-origin', 'special-characters', 'unescaped-dot', 'wildcard-with-credentials'];
    assert.deepEqual([...expected(byHand)].toSorted(), all);
    assert.deepEqual([...expected(express5)].toSorted(), all);
    assert.ok(expected(caches).has('cache-mixes-origins'));
});
