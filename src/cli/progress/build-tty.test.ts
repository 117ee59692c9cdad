import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { TtyDisplay } from './build-tty.ts';

test('TtyDisplay keeps wide characters and returns of the carriage within a line, and erases line by line', () => {
  let written = '';
  const out = { columns: 60, rows: 24, write: (text: string) => void (written += text) };
  const display = new TtyDisplay(out as unknown as NodeJS.WriteStream, { colors: false });
  display.show({
    kind: 'step',
    step: 1,
    total: 1,
    stage: 'build',
    place: '[1/1]',
    name: 'RUN make',
    status: 'started',
  });
  display.show({ kind: 'output', step: 1, stream: 'stdout', text: `10%\r20%\n${'日本語'.repeat(20)}\n` });
  display.suspend();
  display.suspend();
  display.finish(true);
  // 59 columns: nine of " => => # ", 24 wide characters, "…" and a blank that is cut off.
  assert.ok(stripVTControlCharacters(written).includes(`\n => => # 20%\n => => # ${'日本語'.repeat(8)}…\n`), written);
  assert.ok(written.includes('\r\x1b[2K\n'), 'lines that were drawn are erased one by one');
  assert.ok(!written.includes('\x1b[J'));
});
