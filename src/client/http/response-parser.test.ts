import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ResponseParser } from './response-parser.ts';

function parse(
  text: string,
  cut: number,
  withoutBody = false,
): { status: number; body: string; done: boolean; rest: string } {
  let status = 0;
  let body = '';
  const parser = new ResponseParser(
    {
      onHead: (head) => (status = head.statusCode),
      onBody: (chunk) => (body += chunk.toString()),
      onEnd: () => undefined,
    },
    withoutBody,
  );
  let rest = '';
  for (let at = 0; at < text.length; at += cut) rest += parser.write(Buffer.from(text.slice(at, at + cut))).toString();
  return { status, body, done: parser.done, rest };
}

const CASES: { name: string; text: string; status: number; body: string; rest?: string; open?: boolean }[] = [
  { name: 'a length', text: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', status: 200, body: 'hello' },
  {
    name: 'chunks with extension and trailer',
    text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: v\r\n\r\n',
    status: 200,
    body: 'abc0123456789',
  },
  { name: 'no body by status', text: 'HTTP/1.1 204 No Content\r\n\r\n', status: 204, body: '' },
  {
    name: 'a skipped 100',
    text: 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n',
    status: 200,
    body: '',
  },
  { name: 'an upgrade', text: 'HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\nraw', status: 101, body: '', rest: 'raw' },
  { name: 'the end of the connection', text: 'HTTP/1.1 200 OK\r\n\r\nall', status: 200, body: 'all', open: true },
];

for (const { name, text, status, body, rest = '', open = false } of CASES)
  test(`ResponseParser reads ${name} however the bytes are cut`, () => {
    for (let cut = 1; cut <= text.length; cut++)
      assert.deepEqual(parse(text, cut), { status, body, rest, done: !open });
  });

test('ResponseParser expects no body after HEAD', () => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n';
  assert.deepEqual(parse(head, head.length, true), { status: 200, body: '', done: true, rest: '' });
});

test('ResponseParser refuses what is not HTTP', () => {
  for (const text of [
    'nonsense\r\n\r\n',
    'HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n',
  ])
    assert.throws(() => parse(text, text.length), { code: 'unavailable' }, text);
});
