// nginx with the module and the policies of nginx-conf/cors.yaml.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const POLICIES = resolve(import.meta.dirname, '../../../nginx-conf/cors.yaml');

/** What `Servers.start` needs for these servers. */
export const options = {
    module: true,
    http: 'cors_policy_file cors.yaml;',
    files: { 'cors.yaml': readFileSync(POLICIES, 'utf8') },
};

/** Origins of each policy: such that may read, and such that may not. */
const ORIGINS = {
    api: ['https://app.example.com', 'https://a.partner.example', 'https://b.c.partner.example',
        'http://localhost:3000', 'https://old.partner.example', 'https://elsewhere.example'],
    public: ['https://app.example.com', 'null'],
    mixed: ['http://localhost:3000', 'https://app.example.com'],
    guarded: ['http://localhost:3000', 'https://app.example.com'],
    previews: ['https://pr-1.preview.example', 'http://localhost:3000', 'http://localhost:5173', 'app://.',
        'https://app.example.com'],
};

const APPLICATION = {
    server: 'location = /data { add_header ETag \'"1"\'; return 200 "data\\n"; } location / { return 404; }',
};

export const policies = Object.entries(ORIGINS).flatMap(([policy, origins]) => [
    {
        name: `${policy}, answers of nginx itself`,
        why: 'a resource, and a 404 beside it',
        origins,
        server: `cors_policy ${policy}; location = /data { return 200 "data\\n"; } location / { return 404; }`,
    },
    {
        name: `${policy}, before an application`,
        why: 'its 404 has the headers too',
        origins,
        backend: APPLICATION,
        server: `cors_policy ${policy}; location / { proxy_pass http://@BACKEND@; }`,
    },
    {
        name: `${policy}, where everything fails`,
        why: 'the resource itself is a 500',
        origins,
        server: `cors_policy ${policy}; location / { return 500; }`,
    },
]);

/** Policies of nginx-conf/cors.yaml that these servers have. */
export const names = Object.keys(ORIGINS);
