import assert from 'node:assert/strict';
import { appendFileSync, linkSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, describe, it } from 'node:test';
import type { LogQuery } from '../runtime.ts';
import { readLogs } from './index.ts';
import { parseRecord, toUtc } from './log-record.ts';
import { keepFormer } from './log-rotation.ts';

const root = mkdtempSync(join(tmpdir(), 'lading-log-'));
after(() => rmSync(root, { recursive: true }));

let dir = '';
let log = '';
let exit = '';
beforeEach(() => {
  dir = mkdtempSync(join(root, 'c'));
  log = join(dir, 'container.log');
  exit = join(dir, 'exit');
});

const at = (second: number): string => `2026-01-02T03:04:${String(second).padStart(2, '0')}.123456789+00:00`;
const record = (second: number, text: string, stream = 'stdout', tag = 'F'): string =>
  `${at(second)} ${stream} ${tag} ${text}\n`;
const read = async (query: Partial<LogQuery> = {}): Promise<string[]> => {
  const lines: string[] = [];
  for await (const line of readLogs(log, exit, { follow: false, stdout: true, stderr: true, ...query }))
    lines.push(String(line.data));
  return lines;
};

describe('log records', () => {
  it('keeps nanoseconds and turns local time to UTC', () => {
    assert.equal(toUtc('2026-01-02T03:04:05.123456789+00:00'), '2026-01-02T03:04:05.123456789Z');
    assert.equal(toUtc('2026-01-02T03:04:05.123456789+02:00'), '2026-01-02T01:04:05.123456789Z');
  });
  it('takes a torn or foreign line for none', () => {
    for (const line of ['', 'x', '6-01-02T03:04:05 stdout', `${at(1)} stdin F x`, `${at(1)} stdout X x`])
      assert.equal(parseRecord(Buffer.from(line)), undefined, line);
  });
});

describe('readLogs()', () => {
  it('is empty when there is no log', async () => assert.deepEqual(await read(), []));

  it('joins parts of interleaved streams, and gives an unfinished line without newline', async () => {
    writeFileSync(
      log,
      record(1, 'a', 'stdout', 'P') + record(1, 'e', 'stderr') + record(2, 'b') + record(3, 'end', 'stdout', 'P'),
    );
    assert.deepEqual(await read(), ['e\n', 'ab\n', 'end']);
    assert.deepEqual(await read({ tail: 1 }), ['end']);
    assert.deepEqual(await read({ tail: 2, stderr: false }), ['ab\n', 'end']);
    assert.deepEqual(await read({ tail: 0 }), []);
  });

  it('finds the tail across blocks and generations', async () => {
    const long = 'x'.repeat(50_000);
    writeFileSync(`${log}.1`, [1, 2, 3].map((i) => record(i, `${i}${long}`)).join(''));
    writeFileSync(log, [4, 5].map((i) => record(i, `${i}${long}`)).join(''));
    for (const tail of [1, 2, 3, 4, 5, 9]) {
      const first = (await read({ tail })).map((line) => line[0]).join('');
      assert.equal(first, '12345'.slice(-tail));
    }
  });

  it('filters by time', async () => {
    writeFileSync(log, [1, 2, 3, 4].map((i) => record(i, String(i))).join(''));
    const [sinceMs, untilMs] = [Date.parse(at(2)), Date.parse(at(3))];
    assert.deepEqual(await read({ sinceMs, untilMs }), ['2\n', '3\n']);
  });

  it('follows across a rotation until the exit file is there', async () => {
    writeFileSync(log, record(1, 'one'));
    const seen: string[] = [];
    for await (const line of readLogs(log, exit, { follow: true, stdout: true, stderr: true })) {
      seen.push(String(line.data));
      if (seen.length === 1) {
        appendFileSync(log, record(2, 'two'));
        renameSync(log, `${log}.1`);
        writeFileSync(log, record(3, 'three'));
      }
      if (seen.length === 3) setTimeout(() => (appendFileSync(log, record(4, 'four')), writeFileSync(exit, '0')), 10);
    }
    assert.deepEqual(seen, ['one\n', 'two\n', 'three\n', 'four\n']);
  });
});

describe('keepFormer()', () => {
  it('names a half full log twice, so that it outlives its replacement', async () => {
    writeFileSync(log, record(1, 'old'));
    keepFormer(log, 10_000);
    assert.equal(statSync(`${log}.1`, { throwIfNoEntry: false }), undefined);
    keepFormer(log, 60);
    assert.deepEqual(await read(), ['old\n']);
    writeFileSync(`${log}.tmp`, record(2, 'new'));
    renameSync(`${log}.tmp`, log);
    assert.deepEqual(await read(), ['old\n', 'new\n']);
    keepFormer(log, 60);
    assert.deepEqual(await read(), ['new\n']);
    linkSync(log, join(dir, 'other'));
    keepFormer(log, 60);
    assert.equal(statSync(log).nlink, 3);
  });
});
