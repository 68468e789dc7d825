// Runs `cors-policy probe`, and watches it.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { dist } from './nginx.js';

const TOOL = process.env.CORS_POLICY ?? join(dist, 'cors-policy');

export const IDENTIFIERS = ['reflects-any-origin', 'matches-prefix', 'matches-suffix', 'unescaped-dot',
    'special-characters', 'allows-null', 'allows-insecure-scheme', 'wildcard-with-credentials', 'multiple-origins',
    'duplicate-headers', 'missing-vary', 'cache-mixes-origins', 'preflight-fails', 'preflight-redirects',
    'errors-unreadable', 'newly-readable', 'no-longer-readable', 'exposed-header-lost', 'preflight-differs'];

/** No pause between requests: the servers are the tests' own. */
const NO_DELAY = ['--delay', '0'];

/** How long a run may take, in seconds. */
export const LIMIT = 60;

/** How much memory a run may take, in bytes. */
const MEMORY = 100 * 1024 * 1024;

/** A run that has ended. */
class Run {
    /** `peak` is the largest resident set in bytes, `seconds` the time it took, `killed` that it was ended for that. */
    constructor({ status, stdout, stderr, seconds, peak, killed }) {
        Object.assign(this, { status, stdout, stderr, seconds, peak, killed });
    }

    get output() {
        return `status ${this.status}\n${this.stdout}${this.stderr}`;
    }

    /** The findings of a report in JSON, which has to have what the documents promise, and may have more. */
    findings(url) {
        assert.ok([0, 1].includes(this.status), this.output);
        const report = JSON.parse(this.stdout);
        for (const key of ['findings', 'url', 'version']) assert.ok(key in report, `${key} is missing:\n${this.output}`);
        assert.equal(report.version, 1);
        assert.equal(report.url, url);
        for (const finding of report.findings) {
            for (const key of ['id', 'level', 'message', 'origin']) assert.ok(key in finding, `${key} is missing:\n${this.output}`);
            assert.ok(IDENTIFIERS.includes(finding.id), `${finding.id} is no identifier`);
            assert.ok(finding.level && finding.message, this.output);
            assert.ok(finding.origin === null || typeof finding.origin === 'string', this.output);
        }
        assert.equal(this.status, report.findings.length > 0 ? 1 : 0, this.output);
        return report.findings;
    }

    /** What holds for every run, whatever server it has asked. */
    checkBounds() {
        assert.ok(!this.killed, `ended after ${LIMIT} seconds:\n${this.output}`);
        assert.ok([0, 1, 2].includes(this.status), this.output);
        assert.ok(this.peak > 0, 'its memory was not measured');
        assert.ok(this.peak < MEMORY, `${Math.round(this.peak / 1024 / 1024)} MiB of memory`);
        // Of C0 only the end of a line, no DEL, nothing of C1, and nothing that is not UTF-8.
        assert.doesNotMatch(this.output, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\ufffd]/);
    }

    /**
     * What holds for a run that could not ask: one line that names the host, and says beside it what happened. Where
     * some requests got an answer and others did not, there is a report that says so.
     */
    checkFailure(url, reason) {
        const { host } = new URL(url);
        assert.equal(this.status, 2, this.output);
        if (this.stdout.startsWith('no findings so far')) {
            assert.match(this.stdout, /^\d+ of \d+ requests got no answer/m);
            return;
        }
        if (this.stdout !== '') {
            const report = JSON.parse(this.stdout);
            assert.deepEqual(report.findings, [], this.output);
            assert.ok(report.unanswered > 0, this.output);
            assert.ok(report.notes.some((note) => note.includes(`${report.unanswered} of`)), this.output);
            return;
        }
        assert.equal(this.stderr.trimEnd().split('\n').length, 1, `more than one line:\n${this.stderr}`);
        assert.ok(this.stderr.includes(host), `${host} is not named:\n${this.stderr}`);
        assert.match(this.stderr.replaceAll(url, '').replaceAll(host, ''), reason);
    }
}

/**
 * Runs the probe with arguments. `environment` is added to the process's own. `pause` is the option that says how
 * long it waits between two requests.
 */
export async function probe(args, { environment = {}, pause = NO_DELAY, format = 'json' } = {}) {
    const begin = performance.now();
    const child = spawn(TOOL, ['probe', ...args, ...pause, '--format', format],
        { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
    const output = ['', ''];
    [child.stdout, child.stderr].forEach((stream, i) => {
        stream.setEncoding('utf8').on('data', (text) => { output[i] += text; });
    });
    let peak = 0;
    let killed = false;
    const watch = setInterval(() => {
        peak = Math.max(peak, peakMemory(child.pid));
        if (performance.now() - begin > LIMIT * 1000) killed = child.kill('SIGKILL') || killed;
    }, 10);
    peak = peakMemory(child.pid);
    try {
        const status = await new Promise((ended, failed) => {
            child.once('error', failed).once('close', ended);
        });
        const seconds = (performance.now() - begin) / 1000;
        return new Run({ status, stdout: output[0], stderr: output[1], seconds, peak, killed });
    } finally {
        clearInterval(watch);
    }
}

/** The largest resident set that a process has had, in bytes; 0 if it is gone. */
function peakMemory(pid) {
    try {
        const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
        return line ? Number(line[1]) * 1024 : 0;
    } catch {
        return 0;
    }
}
