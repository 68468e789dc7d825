// Before and after a policy: what the probe reports is what two running servers show.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { differences } from './lib/differences.js';
import { probe } from './lib/probe.js';
import { Servers } from './lib/servers.js';
import { DOCUMENT, ORIGINS, POLICIES, servers as descriptions } from './servers/before.js';

const IDENTIFIERS = ['exposed-header-lost', 'newly-readable', 'no-longer-readable', 'preflight-differs'];

const PAIRS = descriptions.flatMap((description) => POLICIES.map((policy) => {
    return { name: `${description.name}, ${policy}`, description, policy };
}));

/** The server of a pair with its policy in front. */
function governed({ policy, description }, servers) {
    return {
        server: `cors_policy ${policy}; location / { proxy_pass http://${servers.address(description)}; }`,
    };
}

describe('before and after', { concurrency: 4 }, () => {
    let folder, file, servers, behind;

    before(async () => {
        folder = mkdtempSync(join(tmpdir(), 'cors-policy-probe.'));
        file = join(folder, 'cors.yaml');
        writeFileSync(file, DOCUMENT);
        servers = await Servers.start(descriptions);
        for (const pair of PAIRS) pair.governed = governed(pair, servers);
        behind = await Servers.start(PAIRS.map((pair) => pair.governed),
            { module: true, http: 'cors_policy_file cors.yaml;', files: { 'cors.yaml': DOCUMENT } });
    });
    after(async () => {
        await behind?.stop();
        await servers?.stop();
        rmSync(folder, { recursive: true });
    });

    /** What the two servers of a pair show of an origin. They are asked once. */
    function shown(pair, origin) {
        pair.shown ??= new Map();
        if (!pair.shown.has(origin)) {
            pair.shown.set(origin, differences(servers.url(pair.description), behind.url(pair.governed), origin));
        }
        return pair.shown.get(origin);
    }

    test('the pairs show every difference, alone and with others, and some show none', async () => {
        const kinds = new Set();
        const equal = [];
        for (const pair of PAIRS) {
            const ids = (await Promise.all(ORIGINS.map((origin) => shown(pair, origin)))).map((of) => of.join(' '));
            ids.forEach((of) => kinds.add(of));
            if (ids.every((of) => of === '')) equal.push(pair.name);
        }
        assert.deepEqual([...kinds].toSorted(), [
            '',
            'exposed-header-lost',
            'exposed-header-lost newly-readable preflight-differs',
            'exposed-header-lost no-longer-readable preflight-differs',
            'exposed-header-lost preflight-differs',
            'newly-readable',
            'newly-readable preflight-differs',
            'no-longer-readable',
            'no-longer-readable preflight-differs',
            'preflight-differs',
        ]);
        assert.ok(equal.includes('what the policy list says, in nginx’s words, list'), equal.join('\n'));
    });

    for (const pair of PAIRS) {
        test(pair.name, async () => {
            const url = servers.url(pair.description);
            const given = ORIGINS.flatMap((origin) => ['--origin', origin]);
            const run = await probe([url, file, '--policy', pair.policy, ...given]);
            // Origins of the policy that were not given may be reported too, and what is said of them has to be true.
            const found = new Map(ORIGINS.map((origin) => [origin, new Set()]));
            for (const { id, origin } of run.findings(url).filter((finding) => IDENTIFIERS.includes(finding.id))) {
                assert.equal(typeof origin, 'string', run.output);
                found.set(origin, (found.get(origin) ?? new Set()).add(id));
            }
            for (const [origin, ids] of found) {
                const holds = await shown(pair, origin);
                // Of the others, not everything is asked.
                const expected = ORIGINS.includes(origin) ? holds : holds.filter((id) => ids.has(id));
                assert.deepEqual([...ids].toSorted(), expected, `${origin}:\n${run.output}`);
            }
        });
    }
});
