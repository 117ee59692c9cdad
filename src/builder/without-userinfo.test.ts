import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Secrecy } from './explain/secrecy.ts';
import { withoutUserinfo } from './without-userinfo.ts';

test('nothing of a password stays in an address, whatever the password holds', () => {
  const secrecy = new Secrecy(() => 'salt');
  for (const [written, plain] of [
    ['https://user:pass@host/r.git', 'https://host/r.git'],
    ['https://user:p@ss@w:rd@host/r.git', 'https://host/r.git'],
    ['HTTPS://user:pass@host', 'HTTPS://host'],
    ['ADD https://u@h/a http://b/c@d /e', 'ADD https://h/a http://b/c@d /e'],
    ['https://host?mail=a@b', 'https://host?mail=a@b'],
  ] as const) {
    assert.equal(withoutUserinfo(written), plain);
    assert.equal(secrecy.text(written).replace('****@', ''), plain);
  }
});
