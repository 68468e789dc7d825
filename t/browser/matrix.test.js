// Chromium, nginx and `cors-policy explain` agree about a generated matrix of requests.
//
// What explain says that nginx sends is what nginx logs as sent. What its model of a browser (browser/) makes
// of these headers is what Chromium does, and so is what the playground says
// (nginx-conf/playground/fetch-standard.js). Neither model knows a policy.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';

import { corsCheck, needsPreflight, preflightCheck, readable } from '../../nginx-conf/playground/fetch-standard.js';
import { policies, tool } from './lib/nginx.js';
import { Site } from './lib/site.js';

const ORIGINS = [
    'https://app.example.com',
    'https://www.partner.example',
    'https://old.partner.example',
    'https://partner.example',
    'http://localhost:3000',
    'https://tools.example.com:8443',
    'https://pr-42.preview.example.net',
    'https://x.pr-42.preview.example.net',
    'https://api.eu.example.net',
    'https://a.b.new-partner.example.net',
    'http://localhost:5173',
    'http://localhost',
    'https://evil.example',
    'sandbox',
];
const POLICIES = [
    'api', 'stars', 'public', 'everything', 'everything-with-authorization', 'echo',
    'any-origin-with-credentials', 'rules', 'opaque', 'guarded', 'timed',
];
const METHODS = ['GET', 'PUT', 'PATCH', 'PURGE'];
const HEADERS = [[], ['x-request-id'], ['authorization', 'content-type']];
const CREDENTIALS = ['omit', 'include'];
const VALUES = { 'content-type': 'application/json' };
// Those that nginx.conf has on the response.
const RESPONSE_HEADERS = ['content-length', 'content-type', 'etag', 'x-secret'];

let site;
before(async () => { site = await Site.open(); });
after(() => site?.close());

/** A function's results for all items, of which as many are worked on at a time. */
async function inParallel(width, items, work) {
    const results = [];
    let next = 0;
    await Promise.all(Array.from({ length: width }, async () => {
        while (next < items.length) {
            const index = next++;
            results[index] = await work(items[index]);
        }
    }));
    return results;
}

/** `cors-policy explain --json`. */
function explain({ policy, origin, method, headers }) {
    const options = ['explain', policies, '--policy', policy, '--origin', origin, '--method', method,
        '--json', ...headers.flatMap((name) => ['--header', name])];
    return new Promise((done, failed) => {
        execFile(tool, options, (error, stdout) => {
            // 1 is a denial.
            if (error && error.code !== 1) failed(error);
            else done(JSON.parse(stdout));
        });
    });
}

/** What a page sees of requests: the names of the headers that it can read, or `blocked`. */
function send(page, requests) {
    return page.evaluate(async ({ requests, names, width }) => {
        const seen = [];
        let next = 0;
        await Promise.all(Array.from({ length: width }, async () => {
            while (next < requests.length) {
                const index = next++;
                const [url, init] = requests[index];
                seen[index] = await fetch(url, init)
                    .then((response) => names.filter((name) => response.headers.has(name)), () => 'blocked');
            }
        }));
        return seen;
    }, { requests, names: RESPONSE_HEADERS, width: 24 });
}

/** What explain says and what nginx logged, in the same form. */
const said = ({ status, decision, response_headers }) => ({ status, decision, headers: response_headers });
const logged = ({ status, decision, sent }) => ({ status, decision, headers: present(sent) });
const present = (headers) => Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ''));

/** By the standard: the requests that are sent, and what the page sees in the end. */
function standard(request, { preflight, actual }) {
    const sent = [];
    if (needsPreflight(request)) {
        sent.push('OPTIONS');
        const answer = { status: preflight.status, headers: preflight.response_headers };
        if (preflightCheck(request, answer)) return { sent, seen: 'blocked' };
    }
    sent.push(request.method);
    const response = { status: actual.status, headers: actual.response_headers };
    if (corsCheck(request, response)) return { sent, seen: 'blocked' };
    return { sent, seen: readable(request, response, RESPONSE_HEADERS) };
}

/** By Chromium, which keeps to the standard but for one thing: `*` stands for Authorization, too, as in every browser. */
function chromium(request, { preflight, actual }) {
    const names = 'Access-Control-Allow-Headers';
    if (request.credentials === 'include' || preflight?.response_headers[names] !== '*') {
        return standard(request, { preflight, actual });
    }
    const response_headers = { ...preflight.response_headers, [names]: '*, Authorization' };
    return standard(request, { preflight: { ...preflight, response_headers }, actual });
}

/** By explain's model of a browser: whether the request is sent, and whether the page can read the response. */
function saidOfBrowser({ credentials }, { browser }) {
    const { sends, reads } = browser[credentials];
    return { sends, reads };
}

test('Chromium, nginx and cors-policy explain agree', { timeout: 300_000 }, async (t) => {
    const combinations = ORIGINS.flatMap((page) => POLICIES.flatMap((policy) =>
        METHODS.flatMap((method) => HEADERS.flatMap((headers) => CREDENTIALS.map((credentials) => ({
            page, policy, method, headers, credentials,
            origin: page === 'sandbox' ? 'null' : page,
            url: site.url(`/matrix/${policy}`),
        }))))));

    // Credentials are not explain's business: each explanation is for both modes.
    const key = ({ policy, origin, method, headers }) => JSON.stringify([policy, origin, method, headers]);
    const distinct = new Map(combinations.map((combination) => [key(combination), combination]));
    const explaining = inParallel(availableParallelism(), [...distinct.keys()],
        async (name) => [name, await explain(distinct.get(name))]);

    const seen = new Map();
    for (const origin of ORIGINS) {
        const own = combinations.filter(({ page }) => page === origin);
        const answers = await send(await site.page(origin), own.map(({ url, method, headers, credentials }) => [url, {
            method, credentials,
            headers: Object.fromEntries(headers.map((name) => [name, VALUES[name] ?? '1'])),
        }]));
        own.forEach(({ url }, index) => seen.set(url, answers[index]));
    }

    const explanations = new Map(await explaining);
    const requests = byUri(await site.nginx.log());
    const count = { readable: 0, blocked: 0, preflights: 0, lenient: 0 };
    const disagreements = [];
    for (const combination of combinations) {
        const compare = (what, actual, expected) => {
            if (!isDeepStrictEqual(actual, expected)) disagreements.push({ what, combination, actual, expected });
        };
        const explanation = explanations.get(key(combination));
        const expected = chromium(combination, explanation);
        const { pathname, search } = new URL(combination.url);
        const entries = requests.get(pathname + search) ?? [];

        compare('what the page sees', seen.get(combination.url), expected.seen);
        compare('the requests', entries.map(({ method }) => method), expected.sent);
        compare('the browser of explain', saidOfBrowser(combination, explanation), {
            sends: entries.some(({ method }) => method === combination.method),
            reads: seen.get(combination.url) !== 'blocked',
        });
        compare('the need of a preflight', entries[0]?.method === 'OPTIONS', explanation.preflight !== null);
        for (const entry of entries) {
            if (entry.method === 'OPTIONS') {
                compare('the preflight', { Origin: entry.origin, ...present(entry.asked) }, explanation.preflight?.request_headers);
                compare('its answer', logged(entry), said(explanation.preflight ?? {}));
            } else {
                compare('the response', logged(entry), { ...said(explanation.actual), status: explanation.actual.status ?? 200 });
            }
        }

        count[expected.seen === 'blocked' ? 'blocked' : 'readable']++;
        count.preflights += expected.sent.includes('OPTIONS');
        count.lenient += !isDeepStrictEqual(expected, standard(combination, explanation));
    }

    t.diagnostic(`${combinations.length} combinations, ${explanations.size} explanations: ${count.readable} readable, `
        + `${count.blocked} blocked, ${count.preflights} preflights; ${disagreements.length} disagreements; `
        + `${count.lenient} times * stood for Authorization, as in every browser`);
    assert.ok(combinations.length >= 500);
    // The matrix is one only if all that can happen does.
    for (const [what, number] of Object.entries(count)) assert.ok(number > 0, what);
    assert.deepEqual(disagreements.slice(0, 10), []);
});

function byUri(entries) {
    const groups = new Map();
    for (const entry of entries) groups.set(entry.uri, [...groups.get(entry.uri) ?? [], entry]);
    return groups;
}
