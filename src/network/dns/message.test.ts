import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOfReverseName, encodeReply, isBadQuery, isReplyTo, parseQuery } from './message.ts';

/** As `dig` sends it: www.Example.com A, RD, EDNS with 1232 bytes. Written from RFC 1035 section 4 and RFC 6891 section 6.1. */
const QUERY = Buffer.from(
  ['abcd01000001000000000001', '03777777074578616d706c6503636f6d00', '00010001', '00002904d0000000000000'].join(''),
  'hex',
);

test('parseQuery() reads id, name in lower case, type and the UDP size of EDNS', () => {
  const query = parseQuery(QUERY);
  assert.ok(!isBadQuery(query));
  const { id, name, type, udpSize, recursionDesired } = query;
  assert.deepEqual(
    { id, name, type, class: query.class, udpSize, recursionDesired },
    { id: 0xabcd, name: 'www.example.com', type: 1, class: 1, udpSize: 1232, recursionDesired: true },
  );
});

test('encodeReply() repeats the question as it was asked and points to it', () => {
  const query = parseQuery(QUERY);
  assert.ok(!isBadQuery(query));
  const reply = encodeReply(query, 0, [{ type: 1, address: Buffer.from([10, 0, 0, 2]) }], 600);
  assert.equal(
    reply.toString('hex'),
    [
      'abcd81800001000100000000',
      '03777777074578616d706c6503636f6d0000010001',
      'c00c00010001000002580004',
      '0a000002',
    ].join(''),
  );
  assert.equal(isReplyTo(reply, query, 0xabcd), true);
  assert.equal(isReplyTo(reply, query, 0xabce), false);
  assert.equal(isReplyTo(QUERY, query, 0xabcd), false);
});

test('parseQuery() answers hostile messages with a code or not at all, and never throws', () => {
  const header = 'abcd01000001000000000000';
  const cases = [
    { name: 'shorter than a header', hex: 'abcd', reply: undefined },
    { name: 'a reply, which could loop', hex: 'abcd810000010000000000000000010001', reply: undefined },
    { name: 'a compression pointer to itself', hex: header + 'c00c00010001', reply: 1 },
    { name: 'a label past the end', hex: header + '3f6161', reply: 1 },
    { name: 'a name longer than 255', hex: header + ('3f' + '61'.repeat(63)).repeat(5) + '0000010001', reply: 1 },
    { name: 'no question type', hex: header + '016100', reply: 1 },
    { name: 'two questions', hex: 'abcd010000020000000000000161000001000101620000010001', reply: 1 },
    { name: 'an update', hex: 'abcd280000010000000000000161000001000100', reply: 4 },
  ];
  for (const { name, hex, reply } of cases) {
    const bad = parseQuery(Buffer.from(hex, 'hex'));
    assert.ok(isBadQuery(bad), name);
    assert.equal(bad.reply && bad.reply.readUInt16BE(2) & 15, reply, name);
  }
  for (let cut = 0; cut < QUERY.length; cut++) parseQuery(QUERY.subarray(0, cut));
});

test('addressOfReverseName() turns the labels round', () => {
  assert.equal(addressOfReverseName('2.0.18.172.in-addr.arpa'), '172.18.0.2');
  assert.equal(addressOfReverseName('0.18.172.in-addr.arpa'), undefined);
});
