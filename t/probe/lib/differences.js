// What browsers would read from two servers, and in what they differ.

import { preflightCheck, needsPreflight, readable } from '../../../nginx-conf/playground/fetch-standard.js';
import { ask, askPreflight } from './ask.js';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const HEADERS = ['authorization', 'content-type', 'x-requested-with', 'x-listed-nowhere'];
const MODES = ['omit', 'include'];

/**
 * Asks both servers and returns the identifiers that hold for a page of this origin, sorted. What holds for requests
 * with credentials or for those without, holds.
 */
export async function differences(before, after, origin) {
    const [read, preflights] = await Promise.all([reading(before, after, origin), passing(before, after, origin)]);
    return [...new Set([...read, ...preflights])].toSorted();
}

async function reading(...servers) {
    const origin = servers.pop();
    const [before, after] = await Promise.all(servers.map((url) => ask(url, { origin })));
    const found = [];
    for (const credentials of MODES) {
        const [could, can] = [before, after].map((response) => response.mayRead(origin, credentials));
        if (!could && can) found.push('newly-readable');
        if (could && !can) found.push('no-longer-readable');
        if (could && can && lost(before, after, { origin, credentials })) found.push('exposed-header-lost');
    }
    return found;
}

/**
 * Whether there is a header that a page can read from the first server only: one that both responses have, or one that
 * the first server exposes whether this response has it or not.
 */
function lost(before, after, request) {
    const shared = before.lines.map(([name]) => name.toLowerCase())
        .filter((name) => after.value(name) !== undefined && !/^access-control-/i.test(name));
    const names = [...shared, ...listed(before, 'Access-Control-Expose-Headers').map((name) => name.toLowerCase())];
    const [could, can] = [before, after].map(({ browser }) => readable(request, browser, names));
    return could.some((name) => !can.includes(name));
}

/** The names of a list, without `*`. */
function listed(response, name) {
    return (response.value(name) ?? '').split(',').map((part) => part.trim()).filter((part) => part !== '' && part !== '*');
}

async function passing(before, after, origin) {
    const questions = (await Promise.all([before, after].map((url) => questionsFor(url, origin)))).flat();
    for (const question of questions) {
        const answers = await Promise.all([before, after].map((url) => askPreflight(url, { origin, ...question })));
        for (const credentials of MODES) {
            const [could, can] = answers.map(({ browser }) => {
                return preflightCheck({ origin, credentials, ...question }, browser) === null;
            });
            if (could !== can) return ['preflight-differs'];
        }
    }
    return [];
}

/** Requests that need a preflight: each method, and each header, that is common or that the server lists. */
async function questionsFor(url, origin) {
    const answer = await askPreflight(url, { origin, method: 'PUT', headers: ['x-listed-nowhere'] });
    const methods = new Set([...METHODS, ...listed(answer, 'Access-Control-Allow-Methods')]);
    const headers = new Set([...HEADERS, ...listed(answer, 'Access-Control-Allow-Headers').map((name) => name.toLowerCase())]);
    return [
        ...[...methods].map((method) => ({ method, headers: [] })),
        ...[...headers].map((name) => ({ method: 'GET', headers: [name] })),
    ].filter(needsPreflight);
}
