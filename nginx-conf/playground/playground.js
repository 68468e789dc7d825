// The playground: has a frame of the chosen origin send a request, and shows what the browser let the
// frame read, beside what nginx logged about the very same request.

import { corsCheck, needsPreflight, preflightCheck } from './fetch-standard.js';

// The locations of nginx.conf.
const POLICIES = [
    {
        name: 'api',
        about: 'known origins, with credentials',
        paths: [
            ['/api/items', 'a list'],
            ['/api/private', 'asks for a password'],
            ['/api/broken', 'fails'],
            ['/api/careless', 'sends wrong CORS headers'],
        ],
    },
    { name: 'public', about: 'everybody, to read', paths: [['/public/', 'a text']] },
    {
        name: 'mixed',
        about: 'two rules',
        paths: [['/mixed/items', 'a list'], ['/mixed/broken', 'fails']],
    },
    {
        name: 'guarded',
        about: 'refuses other origins',
        paths: [['/guarded/items', 'a list']],
    },
    { name: 'off', about: 'no policy', paths: [['/internal/health', 'a text']] },
];

const HEADERS = {
    'Content-Type': 'application/json',
    Authorization: `Basic ${btoa('demo:demo')}`,
    'X-Request-Id': '7',
};

// The same in all URLs of this page, so that the browser can use its preflight cache.
const TAG = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);

const $ = (id) => document.getElementById(id);
const form = $('request');

/** An element with attributes and children. */
function make(name, attributes = {}, ...children) {
    const element = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (value !== undefined) element.setAttribute(key, value);
    }
    element.append(...children.filter((child) => child !== null));
    return element;
}

const code = (text) => make('code', {}, text);

// --- Frames ---

/** A frame that sends requests: of an origin, or sandboxed, so that its origin is `null`. */
class Sender {
    #answers = new Map();
    #next = 0;

    constructor(page, isSandboxed) {
        this.frame = make('iframe', {
            src: `${page}/sender.html`,
            title: 'Sends requests',
            sandbox: isSandboxed ? 'allow-scripts' : undefined,
            hidden: '',
        });
        this.ready = new Promise((ready) => this.#answers.set('ready', ready));
        addEventListener('message', ({ source, data }) => {
            if (source === this.frame.contentWindow) this.#answers.get(data.id)?.(data.seen);
        });
        document.body.append(this.frame);
    }

    async send(url, options) {
        await this.ready;
        const id = this.#next++;
        this.frame.contentWindow.postMessage({ id, url, options }, '*');
        const seen = await new Promise((answer) => this.#answers.set(id, answer));
        this.#answers.delete(id);
        return seen;
    }
}

// --- What nginx has to say ---

async function text(path) {
    const response = await fetch(path);
    return response.ok ? response.text() : '';
}

async function json(path) {
    const response = await fetch(path);
    return response.ok ? response.json() : null;
}

/** The size of nginx's log. */
async function logSize() {
    const response = await fetch('/log', { method: 'HEAD' });
    return Number(response.headers.get('Content-Length'));
}

/** The lines that nginx has added to its log since, about requests to this URL. */
async function logSince(size, url) {
    const { pathname, search } = new URL(url);
    for (let attempt = 0; ; attempt++) {
        const response = await fetch('/log', { headers: { Range: `bytes=${size}-` } });
        const lines = response.ok ? (await response.text()).split('\n').filter(Boolean) : [];
        const entries = lines.map((line) => JSON.parse(line)).filter(({ uri }) => uri === pathname + search);
        if (entries.length > 0 || attempt === 3) return entries;
        await new Promise((waited) => setTimeout(waited, 100));
    }
}

// --- The form ---

/** What the form says. */
function chosen() {
    const data = new FormData(form);
    return {
        origin: data.get('origin'),
        policy: data.get('policy'),
        method: data.get('method'),
        path: data.get('path'),
        names: data.getAll('header'),
        credentials: data.has('credentials') ? 'include' : 'omit',
    };
}

function choice(name, value, about, isChecked) {
    const input = make('input', { type: 'radio', name, value });
    input.checked = isChecked;
    return make('label', {}, input, make('span', {}, code(value), about ? make('small', {}, ` ${about}`) : ''));
}

function fillPaths() {
    const { paths } = POLICIES.find(({ name }) => name === chosen().policy);
    $('path').replaceChildren(...paths.map(([path, about]) => make('option', { value: path }, `${path} – ${about}`)));
}

// --- The result ---

const badge = (text, isGood) => make('span', { class: `badge ${isGood ? 'good' : 'bad'}` }, `${text}`);

function headerList(title, headers, none) {
    const rows = headers.filter(([, value]) => value !== '');
    return [
        make('h4', {}, title),
        rows.length === 0 ? make('p', { class: 'quiet' }, none)
            : make('dl', { class: 'headers' }, ...rows.map(([name, value]) =>
                make('div', {}, make('dt', {}, `${name}: `), make('dd', {}, value)))),
    ];
}

/** A preflight or an actual request, as nginx logged it. */
function exchange(title, { method, uri, origin, status, decision, asked, sent }) {
    return make('li', { class: 'card' },
        make('h3', {}, title),
        make('p', { class: 'outcome' }, code(`${method} ${uri.split('?')[0]}`), badge(status, status < 400),
            decision === '' ? make('span', { class: 'quiet' }, 'no policy')
                : badge(decision, decision === 'allowed')),
        ...headerList('Request', [['Origin', origin], ...Object.entries(asked)]),
        ...headerList('Response', Object.entries(sent), 'no CORS headers'));
}

const skipped = (title, text) => make('li', { class: 'card skipped' }, make('h3', {}, title), make('p', {}, text));

/** What the page gets to see. */
function view(seen) {
    if (seen.error) {
        return [make('p', { class: 'outcome' }, code(seen.error)),
            make('p', { class: 'quiet' }, 'Nothing of the response, and not why. The reason is in the browser\'s console.')];
    }
    return [make('p', { class: 'outcome' }, badge(seen.status, seen.status < 400), seen.statusText),
        ...headerList('Headers', seen.headers, 'none'),
        ...seen.body === '' ? [] : [make('h4', {}, 'Body'), make('pre', {}, code(seen.body.trimEnd()))]];
}

/** Why the browser did what it did, by the headers that nginx sent: a sentence, or null. */
function reason(request, preflight, actual) {
    const response = (entry) => ({ status: entry.status, headers: entry.sent });
    if (preflight) {
        const failed = preflightCheck(request, response(preflight));
        if (failed) return failed;
    }
    return actual ? corsCheck(request, response(actual)) : null;
}

/** Why `enforce` keeps a request from the application, by the decision. */
const REFUSALS = {
    denied_origin: 'The policy does not allow the origin.',
    denied_site: 'A page of another site sends it, without Origin.',
    denied_host: 'The host is not in own_origins.',
};

function verdict(seen, why, entries) {
    if (!seen.error) {
        return ['good', 'The page reads the response', why
            ? `By the Fetch standard it should not: ${why}`
            : 'The headers of the response permit it.'];
    }
    if (entries.length === 0) {
        return ['bad', 'The request did not reach nginx', 'The browser did not send it; its console says why.'];
    }
    const refused = entries.find(({ status, decision }) => status === 403 && decision in REFUSALS);
    if (refused) return ['bad', 'nginx refused the request (403)', REFUSALS[refused.decision]];
    const isSent = entries.some(({ method }) => method !== 'OPTIONS');
    return ['bad', isSent ? 'The browser keeps the response from the page' : 'The browser does not send the request',
        why ?? 'These headers would let the page read it; the browser\'s console says what else is in the way.'];
}

function exchanges(request, preflight, actual) {
    const list = [];
    if (preflight) {
        list.push(exchange('Preflight', preflight));
    } else if (!needsPreflight(request)) {
        list.push(skipped('No preflight', `${request.method} without headers that need permission is sent at once.`));
    } else if (actual) {
        list.push(skipped('No preflight', 'The browser still has the answer to the earlier one (Access-Control-Max-Age).'));
    }
    if (actual) {
        list.push(exchange('Request', actual));
    } else {
        list.push(skipped('No request', preflight ? 'The answer to the preflight does not permit it.' : 'nginx did not see one.'));
    }
    return list;
}

const site = ({ file, line, place, pattern }) => [code(pattern),
    make('small', {}, place), make('small', {}, `${file}${line === null ? '' : `:${line}`}`)];

/** Which rule and pattern decided, as `cors-policy explain` says. */
function reasons(choice, entries, explanation) {
    const rows = [];
    const row = (term, ...description) => rows.push(make('div', {}, make('dt', {}, term), make('dd', {}, ...description)));
    const decision = entries.find((entry) => entry.decision !== 'allowed')?.decision ?? entries[0]?.decision;
    row('Policy', choice.policy === 'off' ? 'none' : code(choice.policy));
    if (decision) row('Decision', badge(decision, decision === 'allowed'));
    if (choice.policy === 'off') return rows;
    if (!explanation) {
        row('Pattern', 'The command below tells.');
    } else if (explanation.matched) {
        const { rule, place } = explanation.matched;
        if (rule !== null) row('Rule', place.includes('.rules[') ? code(`rules[${rule}]`) : 'the only one');
        row('Pattern', ...site(explanation.matched));
    } else {
        row('Pattern', 'none matches');
        for (const miss of explanation.near_misses) row('Near miss', ...site(miss), make('small', {}, miss.reason));
    }
    return rows;
}

/** The lines of a policy in the document, with the one that matched. */
function policyText(document, name, matched) {
    const lines = document.split('\n');
    const first = lines.indexOf(`  ${name}:`);
    const length = lines.slice(first + 1).findIndex((line) => /^ {0,2}\S/.test(line));
    const own = lines.slice(first, length < 0 ? lines.length : first + 1 + length);
    while (own.at(-1)?.trim() === '') own.pop();
    return own.map((line, index) => make('span', { class: first + index + 1 === matched?.line ? 'line matched' : 'line' },
        make('span', { class: 'number', 'aria-hidden': 'true' }, `${first + index + 1}`), code(`${line.slice(2)}\n`)));
}

function command({ policy, origin, method, names }) {
    return ['dist/cors-policy explain nginx-conf/cors.yaml', `--policy ${policy}`, `--origin ${origin}`,
        ...method === 'GET' ? [] : [`--method ${method}`],
        ...names.map((name) => `--header ${name}`)].join(' \\\n    ');
}

// --- At work ---

const addresses = await json('/addresses.json');

$('gateway').textContent = addresses.gateway;
const senders = new Map(addresses.pages.map((page) => [page, new Sender(page, false)]));
senders.set('null', new Sender(location.origin, true));

$('origins').replaceChildren(...[...senders.keys()].map((origin, index) =>
    choice('origin', origin, origin === 'null' ? 'a sandboxed frame' : '', index === 0)));
$('policies').replaceChildren(...POLICIES.map(({ name, about }, index) =>
    choice('policy', name, about, index === 0)));
fillPaths();
$('policies').addEventListener('change', fillPaths);

form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const button = form.querySelector('button');
    // Not disabled, which would take the focus away.
    if (button.ariaBusy === 'true') return;
    button.ariaBusy = 'true';
    try {
        await run(chosen());
    } finally {
        button.ariaBusy = 'false';
    }
});

/** Says what is wrong with cors.yaml, if nginx has refused its last change. */
async function showMistakes() {
    const status = await json('/status?format=json');
    const mistakes = [...new Set(status?.files.flatMap((file) => file.mistakes))];
    $('mistakes').hidden = status?.files.every((file) => file.success) ?? true;
    $('mistakes').replaceChildren(
        make('p', {}, 'nginx refuses the last change of cors.yaml, and goes on with the version before it:'),
        make('pre', { tabindex: '0', 'aria-label': 'Mistakes' }, mistakes.join('\n')));
}

async function run(choice) {
    const { origin, method, path, names, credentials } = choice;
    const url = `${addresses.gateway}${path}?playground=${TAG}`;
    const hasBody = names.includes('Content-Type') && !['GET', 'HEAD'].includes(method);

    const size = await logSize();
    const seen = await senders.get(origin).send(url, {
        method, credentials,
        headers: names.map((name) => [name, HEADERS[name]]),
        body: hasBody ? '{"name": "cup"}' : undefined,
    });
    const [entries, explanations, document] = await Promise.all([
        logSince(size, url), json('/explained.json'), text('/cors.yaml'), showMistakes(),
    ]);
    const explanation = explanations?.find((one) => one.policy === choice.policy && one.origin === origin);

    const request = { origin, credentials, method, headers: names.map((name) => name.toLowerCase()) };
    const preflight = entries.find((entry) => entry.method === 'OPTIONS');
    const actual = entries.find((entry) => entry.method !== 'OPTIONS');
    const [kind, title, sentence] = verdict(seen, reason(request, preflight, actual), entries);
    $('verdict').className = `verdict ${kind}`;
    $('verdict').replaceChildren(make('p', { class: 'title' }, title), make('p', {}, sentence));
    $('seen').replaceChildren(...view(seen));
    $('reasons').replaceChildren(...reasons(choice, entries, explanation));
    $('exchanges').replaceChildren(...exchanges(request, preflight, actual));
    $('text').hidden = $('explain').hidden = choice.policy === 'off';
    $('policy').replaceChildren(...policyText(document, choice.policy, explanation?.matched));
    $('command').textContent = command(choice);
    $('details').hidden = false;
    // On a narrow screen it is below the form.
    $('verdict').scrollIntoView({ block: 'nearest' });
}

$('copy').addEventListener('click', async ({ target }) => {
    await navigator.clipboard.writeText($('command').textContent);
    target.textContent = 'Copied';
    setTimeout(() => { target.textContent = 'Copy'; }, 2000);
});

await showMistakes();
form.querySelector('button').disabled = false;
