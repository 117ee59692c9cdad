import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Demultiplexer } from './demultiplex.ts';

function frame(type: number, text: string): Buffer {
  const header = Buffer.alloc(8);
  header[0] = type;
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
}

function collect(chunks: Buffer[]): Record<string, string> {
  const seen: Record<string, string> = {};
  const demultiplexer = new Demultiplexer((stream, payload) => {
    seen[stream] = (seen[stream] ?? '') + payload.toString();
  });
  for (const chunk of chunks) demultiplexer.write(chunk);
  return seen;
}

test('Demultiplexer separates streams however the bytes are cut', () => {
  const bytes = Buffer.concat([frame(1, 'out'), frame(2, 'err!'), frame(1, ''), frame(1, 'put')]);
  for (let size = 1; size <= bytes.length; size++) {
    const chunks: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    assert.deepEqual(collect(chunks), { stdout: 'output', stderr: 'err!' }, `cut every ${size} bytes`);
  }
});

test('Demultiplexer refuses bytes that are no frames', () => {
  assert.throws(() => collect([Buffer.from('plain text')]), /unknown stream 112/);
});
