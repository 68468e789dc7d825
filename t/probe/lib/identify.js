// Which findings hold for a server, by the definitions in README.md: an answer that owes nothing to the probe.
// `newly-readable` and what follows are in differences.js.

import { randomBytes } from 'node:crypto';

import { ask, askPreflight, fresh, missing } from './ask.js';

const FOREIGN = 'attacker.example';
const SPECIAL = [...'_`%!$&\'()*+,;=~{}|"^'];
const CORS_HEADER = /^access-control-/i;

/** Asks a server and returns the identifiers that hold, sorted. `origins` are those that are given to the probe. */
export async function identify(url, origins, { headers = {} } = {}) {
    const server = new Asked(url, origins, headers);
    await server.ask();
    const checks = [server.imitations(), server.schemes(), server.headers(), server.caches(), server.preflights(),
        server.errors()];
    return (await Promise.all(checks)).flat().toSorted();
}

/** A server, and what it answers at addresses that nobody has asked before. */
class Asked {
    constructor(url, origins, headers) {
        Object.assign(this, { url, origins, sent: headers });
        this.foreign = `https://${letters()}.example`;
    }

    async ask() {
        const everybody = [null, this.foreign, 'null', ...this.origins];
        this.answers = new Map(await Promise.all(everybody.map(async (origin) => [origin, await this.get(origin)])));
        this.readers = this.origins.filter((origin) => this.answers.get(origin).mayRead(origin));
    }

    get(origin, url = fresh(this.url)) {
        return ask(url, { origin, headers: this.sent });
    }

    async isNamed(origin) {
        return (await this.get(origin)).names(origin);
    }

    async imitations() {
        if (this.answers.get(this.foreign).names(this.foreign)) return ['reflects-any-origin'];
        const found = new Set();
        for (const origin of this.readers) {
            if (!this.answers.get(origin).names(origin)) continue;
            for (const [id, imitation] of await this.imitationsOf(origin)) {
                if (await this.isNamed(imitation)) found.add(id);
            }
        }
        return [...found];
    }

    /** Origins that look like this one and are of others, each with the identifier of why it is let in. */
    async imitationsOf(origin) {
        const { protocol, hostname, port } = new URL(origin);
        const at = (host) => `${protocol}//${host}${port && `:${port}`}`;
        const labels = hostname.split('.');
        const dots = [...hostname.matchAll(/\./g)].map(({ index }) => index);
        const open = [];
        for (const parent of parents(labels)) {
            if (await this.isNamed(at(`${letters()}.${parent}`))) open.push(`.${parent}`);
        }
        // Where any letters may precede the domain, a letter for the dot before it says nothing of the dot.
        const domain = labels.slice(-2).join('.');
        const isLoose = await this.isNamed(at(letters() + domain));
        const tried = dots.filter((i) => !isLoose || hostname.slice(i + 1) !== domain);
        return [
            ['matches-prefix', `${hostname}.${FOREIGN}`],
            ['matches-suffix', letters() + hostname],
            ['matches-suffix', letters() + domain],
            ...tried.map((i) => ['unescaped-dot', `${hostname.slice(0, i)}x${hostname.slice(i + 1)}`]),
            ...SPECIAL.map((character) => ['special-characters', `${hostname}${character}.${FOREIGN}`]),
            // Below a domain of which every name may read, it is one more name and no imitation.
        ].filter(([, host]) => !open.some((domain) => host.endsWith(domain))).map(([id, host]) => [id, at(host)]);
    }

    async schemes() {
        const found = [];
        if (this.answers.get('null').names('null')) found.push('allows-null');
        for (const origin of this.readers.filter((reader) => reader.startsWith('https:'))) {
            const twin = origin.replace('https:', 'http:');
            if ((await this.get(twin)).mayRead(twin, 'include')) found.push('allows-insecure-scheme');
        }
        return [...new Set(found)];
    }

    headers() {
        const answers = [...this.answers.values()];
        const some = (holds) => answers.some(holds);
        const allowed = (answer) => answer.values('Access-Control-Allow-Origin');
        const credentials = (answer) => answer.values('Access-Control-Allow-Credentials');
        const differ = new Set(answers.map(corsLines)).size > 1;
        return [
            ['wildcard-with-credentials', some((a) => allowed(a).includes('*') && credentials(a).includes('true'))],
            ['multiple-origins', some((a) => allowed(a).some((value) => /[, ]/.test(value.trim())))],
            ['duplicate-headers', some((a) => allowed(a).length > 1 || credentials(a).length > 1)],
            ['missing-vary', differ && some((a) => !a.variesBy('Origin'))],
        ].filter(([, holds]) => holds).map(([id]) => id);
    }

    async caches() {
        for (const first of this.origins) {
            for (const second of [...this.origins, this.foreign]) {
                if (first === second || this.answers.get(second).names(first)) continue;
                const url = fresh(this.url);
                if (!(await this.get(first, url)).names(first)) continue;
                if ((await this.get(second, url)).names(first)) return ['cache-mixes-origins'];
            }
        }
        return [];
    }

    async preflights() {
        const found = new Set();
        for (const origin of this.readers) {
            // A method that is surely in use, and no header: what is not listed is no finding.
            const answer = await askPreflight(fresh(this.url), { origin, method: 'GET' });
            if (answer.status >= 300 && answer.status <= 399) found.add('preflight-redirects');
            else if (answer.status < 200 || answer.status > 299 || !answer.mayRead(origin)) found.add('preflight-fails');
        }
        return [...found];
    }

    async errors() {
        for (const origin of this.readers) {
            const { status } = this.answers.get(origin);
            if (status < 200 || status > 299) continue;
            const error = await this.get(origin, missing(this.url));
            if (error.status >= 400 && !error.mayRead(origin)) return ['errors-unreadable'];
        }
        return [];
    }
}

/** The domains above a host, down to those of two labels. */
function parents(labels) {
    return labels.slice(1, -1).map((_, i) => labels.slice(i + 1).join('.'));
}

/** The CORS headers of an answer, as something to compare. */
function corsLines({ lines }) {
    return JSON.stringify(lines.filter(([name]) => CORS_HEADER.test(name))
        .map(([name, value]) => `${name.toLowerCase()}: ${value}`).toSorted());
}

function letters() {
    return `z${randomBytes(4).toString('hex')}`;
}
