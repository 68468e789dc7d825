// Debian's Chromium, without a window.

import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';

import { chromium } from 'playwright-core';

const executablePath = execFileSync('bash',
    ['-c', '. "$1/build/lib.bash" && find_chromium', '-', resolve(import.meta.dirname, '../../..')],
    { encoding: 'utf8' }).trim();

const FLAGS = [
    '--disable-background-networking',
    '--disable-component-update',
    // In a container /dev/shm may be small.
    '--disable-dev-shm-usage',
    '--disable-gpu',
    '--disable-quic',
    '--disable-sync',
    '--no-first-run',
    '--no-proxy-server',
];

/**
 * Starts Chromium with an empty folder for its profile, which is an ordinary one: Playwright's usual
 * ones are those of private browsing, where other rules hold for cookies.
 */
export async function launch(profile, { args = [], ...options } = {}) {
    const start = (chromiumSandbox) => chromium.launchPersistentContext(profile, {
        executablePath, chromiumSandbox, args: [...FLAGS, ...args], ...options,
    });
    // The sandbox is not for root.
    if (process.getuid() === 0) return start(false);
    return start(true).catch(() => {
        // Containers often lack what it is made of. All pages are the tests' own.
        console.error('Chromium does not start with its sandbox here: trying without.');
        return start(false);
    });
}
