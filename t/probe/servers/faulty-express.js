// Faulty servers in Express, most of them with the middleware `cors`.

import cors from 'cors';
import express from 'express';

import { APP, corsApplication, SHOP } from './parts.js';

/** An application whose routes a function adds. */
function application(build) {
    const app = express();
    build(app);
    return { app };
}

/** A resource of its own, behind what else an application has. */
function data(app) {
    app.get('/data', (request, response) => response.send('data\n'));
}

/** A middleware that sets headers, and answers preflights. */
function headers(fields) {
    return (request, response, next) => {
        response.set(fields);
        if (request.method === 'OPTIONS') response.sendStatus(204);
        else next();
    };
}

export const express5 = [
    {
        name: 'origin: true, with credentials',
        why: 'the middleware sends back what it gets, null and http: too, and sets Vary',
        origins: [APP],
        expected: ['allows-insecure-scheme', 'allows-null', 'reflects-any-origin'],
        ...corsApplication({ origin: true, credentials: true }),
    },
    {
        name: 'an expression without an end',
        why: 'what follows the host may be a dot or a special character',
        origins: [APP],
        expected: ['matches-prefix', 'special-characters'],
        ...corsApplication({ origin: /^https:\/\/app\.example\.com/ }),
    },
    {
        name: 'an expression without a beginning, for the domain',
        why: 'letters may precede it, as in appxexample.com, of which the dot is not the fault; that all subdomains may read is not the fault',
        origins: [APP, 'https://example.com'],
        expected: ['matches-suffix'],
        ...corsApplication({ origin: /example\.com$/ }),
    },
    {
        name: 'dots without a backslash',
        why: 'https://appxexample.com is another domain',
        origins: [APP],
        expected: ['unescaped-dot'],
        ...corsApplication({ origin: /^https:\/\/app.example\.com$/ }),
    },
    {
        name: 'an expression that goes on behind anything but word characters, dots, colons and hyphens',
        why: 'a low line is a word character, but ` and % are none',
        origins: [APP],
        expected: ['special-characters'],
        ...corsApplication({ origin: /^https:\/\/app\.example\.com(?![\w.:-])/ }),
    },
    {
        name: 'null in the list',
        why: 'every sandboxed frame is null',
        origins: [APP],
        expected: ['allows-null'],
        ...corsApplication({ origin: [APP, 'null'], credentials: true }),
    },
    {
        name: 'both schemes in the list, with credentials',
        why: 'the http: twin may read',
        origins: [APP],
        expected: ['allows-insecure-scheme'],
        ...corsApplication({ origin: [APP, APP.replace('https', 'http')], credentials: true }),
    },
    {
        name: 'the defaults, with credentials',
        why: 'the default of origin is *',
        origins: [APP],
        expected: ['wildcard-with-credentials'],
        ...corsApplication({ credentials: true }),
    },
    {
        name: 'a list in one text',
        why: 'the middleware sends a text as it is',
        origins: [APP, SHOP],
        expected: ['multiple-origins'],
        ...corsApplication({ origin: `${APP},${SHOP}` }),
    },
    {
        name: 'two lines of an origin',
        why: 'a list is two lines in Node.js',
        origins: [APP],
        expected: ['duplicate-headers'],
        ...application((app) => {
            app.use(headers({ 'Access-Control-Allow-Origin': [APP, SHOP] }));
            data(app);
        }),
    },
    {
        name: 'a function that answers false',
        why: 'the middleware then does nothing, so that Vary is missing',
        origins: [APP],
        expected: ['missing-vary'],
        ...corsApplication({ origin: (origin, answer) => answer(null, origin === APP) }),
    },
    {
        name: 'the middleware at one route, without its preflight',
        why: 'Express answers OPTIONS by itself',
        origins: [APP],
        expected: ['preflight-fails'],
        ...application((app) => {
            app.get('/data', cors({ origin: APP }), (request, response) => response.send('data\n'));
            app.use(cors({ origin: APP, preflightContinue: true }));
            app.use((request, response) => response.sendStatus(404));
        }),
    },
    {
        name: 'who is not known is sent to the login, before the middleware',
        why: 'a preflight carries nothing by which it could be known',
        origins: [APP],
        headers: { Cookie: 'session=1' },
        expected: ['preflight-redirects'],
        ...application((app) => {
            app.use((request, response, next) => {
                if (request.headers.cookie) next();
                else response.redirect('/login');
            });
            app.use(cors({ origin: APP }));
            data(app);
        }),
    },
    {
        name: 'the middleware at one route, with its preflight',
        why: 'what is not found has no route',
        origins: [APP],
        expected: ['errors-unreadable'],
        ...application((app) => {
            app.options('/data', cors({ origin: APP }));
            app.get('/data', cors({ origin: APP }), (request, response) => response.send('data\n'));
        }),
    },
    {
        name: 'an error that loses the headers',
        why: 'the handler of errors begins anew',
        origins: [APP],
        expected: ['errors-unreadable'],
        ...application((app) => {
            app.use(cors({ origin: APP }));
            data(app);
            app.use(() => { throw new Error('a fault in the application'); });
            // Express knows a handler of errors by its four parameters.
            app.use((error, request, response, next) => {
                response.removeHeader('Access-Control-Allow-Origin');
                response.status(500).send('error\n');
            });
        }),
    },
];
