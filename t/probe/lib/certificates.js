// Certificates for a run: an authority, and what it has signed and what not.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

const SETTINGS = `
[ca]
default_ca = authority
[authority]
database = index
serial = serial
new_certs_dir = .
certificate = authority.pem
private_key = authority.key
default_md = sha256
policy = any
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
[signer]
basicConstraints = critical, CA:TRUE
keyUsage = keyCertSign
`;

export class Certificates {
    constructor() {
        this.folder = mkdtempSync(join(tmpdir(), 'cors-policy-probe.'));
        for (const [name, text] of [['settings', SETTINGS], ['index', ''], ['serial', '01\n']]) {
            writeFileSync(join(this.folder, name), text);
        }
        this.#openssl('req', '-x509', '-config', 'settings', '-extensions', 'signer', ...KEY, '-days', '2',
            '-subj', '/CN=The authority of this test', '-keyout', 'authority.key', '-out', 'authority.pem');
    }

    /** By what the probe can be told to trust the authority: the variable that OpenSSL and rustls know. */
    get environment() {
        return { SSL_CERT_FILE: join(this.folder, 'authority.pem') };
    }

    /** Key and certificate for names such as `IP:127.0.0.1`, with dates such as `20200101000000Z`. */
    sign(names, { begin = date(-1), end = date(1) } = {}) {
        this.#openssl('req', '-config', 'settings', ...KEY, '-subj', '/CN=server', '-keyout', 'key', '-out', 'request');
        writeFileSync(join(this.folder, 'names'), `subjectAltName = ${names}\n`);
        this.#openssl('ca', '-batch', '-notext', '-config', 'settings', '-extfile', 'names', '-in', 'request',
            '-startdate', begin, '-enddate', end, '-out', 'certificate');
        writeFileSync(join(this.folder, 'index'), '');
        return this.#read();
    }

    /** Key and certificate that nobody has signed. */
    selfSigned(names) {
        this.#openssl('req', '-x509', '-config', 'settings', ...KEY, '-days', '2', '-subj', '/CN=server',
            '-addext', `subjectAltName = ${names}`, '-keyout', 'key', '-out', 'certificate');
        return this.#read();
    }

    #read() {
        const [key, cert] = ['key', 'certificate'].map((name) => readFileSync(join(this.folder, name)));
        return { key, cert };
    }

    #openssl(...words) {
        execFileSync('openssl', words, { cwd: this.folder, stdio: ['ignore', 'ignore', 'pipe'] });
    }

    remove() {
        rmSync(this.folder, { recursive: true });
    }
}

/** The time in so many days, as OpenSSL writes it. */
function date(days) {
    const time = new Date(Date.now() + days * 24 * 60 * 60 * 1000);
    return time.toISOString().replace(/[-:T]|\.\d+/g, '');
}
