import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { BuildEvent } from '../../client/index.ts';
import { PlainDisplay } from './build-plain.ts';
import { BuildSteps } from './build-steps.ts';
import { TtyDisplay } from './build-tty.ts';

const step = (number: number, status: 'started' | 'done'): BuildEvent => ({
  kind: 'step',
  step: number,
  total: 3,
  stage: 'build',
  place: `[build ${number}/3]`,
  name: `RUN make ${number}`,
  status,
  durationMs: 100,
});
const LONG = `the command changed from "${'a'.repeat(60)}" to "${'b'.repeat(60)}"`;
const why = (number: number, message: string): BuildEvent => ({
  kind: 'explain',
  step: number,
  key: 'k',
  cause: 'command',
  message,
});
const EVENTS = [
  step(2, 'started'),
  step(3, 'started'),
  why(2, LONG),
  step(2, 'done'),
  why(3, 'short'),
  step(3, 'done'),
];

test('PlainDisplay says why a step was not cached, under its name', () => {
  let written = '';
  const display = new PlainDisplay((text) => void (written += text), new BuildSteps(() => 0));
  for (const event of EVENTS) display.show(event);
  assert.equal(
    written,
    [
      '#1 [build 2/3] RUN make 2',
      '',
      '#2 [build 3/3] RUN make 3',
      '',
      '#1 [build 2/3] RUN make 2',
      `#1 → not cached: ${LONG}`,
      '#1 DONE 0.1s',
      '',
      '#2 [build 3/3] RUN make 3',
      '#2 → not cached: short',
      '#2 DONE 0.1s',
      '',
    ].join('\n'),
  );
});

test('TtyDisplay keeps explanations in a line while it draws, and whole at the end', () => {
  let written = '';
  const out = {
    columns: 60,
    rows: 24,
    write: (text: string) => void (written += text),
  } as unknown as NodeJS.WriteStream;
  const display = new TtyDisplay(out, { colors: false });
  for (const event of EVENTS) display.show(event);
  display.finish(false);
  const last = stripVTControlCharacters(written.slice(written.lastIndexOf('[+] Building')));
  assert.ok(last.includes(` => => → not cached: ${LONG}\n`));
  assert.ok(last.includes(' => => → not cached: short\n'));
});
