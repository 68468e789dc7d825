// Sound servers: nothing is found.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { argumentsFor } from './lib/arguments.js';
import { identify } from './lib/identify.js';
import { probe } from './lib/probe.js';
import { Servers } from './lib/servers.js';
import { names, options, policies } from './servers/module.js';
import { byHand, express5 } from './servers/sound.js';

const GROUPS = {
    'nginx by hand': [byHand],
    Express: [express5],
    'the module': [policies, options],
};

for (const [group, [descriptions, options]] of Object.entries(GROUPS)) {
    describe(group, { concurrency: 4 }, () => {
        let servers;
        before(async () => { servers = await Servers.start(descriptions, options); });
        after(() => servers.stop());

        for (const description of descriptions) {
            const { name, origins } = description;

            test(`${name}: the server is sound`, async () => {
                assert.deepEqual(await identify(servers.url(description), origins), []);
            });

            test(`${name}: the probe finds nothing`, async () => {
                const url = servers.url(description);
                const run = await probe(argumentsFor(description, url));
                assert.deepEqual(run.findings(url), [], run.output);
            });
        }
    });
}

test('every policy of nginx-conf/cors.yaml is here', () => {
    const written = [...options.files['cors.yaml'].matchAll(/^ {2}([a-z]+):$/gm)].map(([, name]) => name);
    assert.deepEqual(names, written);
});
