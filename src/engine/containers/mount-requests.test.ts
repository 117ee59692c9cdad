import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestedMounts } from './mount-requests.ts';

const of = (binds: string[]): ReturnType<typeof requestedMounts> => requestedMounts({ Image: 'i' }, { Binds: binds });

test('requestedMounts() tells host paths from volume names', () => {
  const [bind] = of(['/host:/inside:ro']);
  assert.ok(bind?.type === 'bind' && bind.source === '/host' && bind.target === '/inside' && bind.readOnly);
  const [volume] = of(['data:/inside']);
  assert.ok(volume?.type === 'volume' && volume.name === 'data' && !volume.readOnly);
  const [anonymous] = of(['/inside']);
  assert.ok(anonymous?.type === 'volume' && anonymous.name === undefined);
});

test("requestedMounts() lets a mount stand in for the image's volume at the same place", () => {
  const mounts = requestedMounts({ Image: 'i', Volumes: { '/data': {}, '/other': {} } }, { Binds: ['kept:/data'] });
  assert.deepEqual(
    mounts.map((mount) => (mount.type === 'volume' ? [mount.target, mount.name] : [])),
    [
      ['/data', 'kept'],
      ['/other', undefined],
    ],
  );
});

const REFUSED = [
  { text: 'a:b', error: /mount path must be absolute/ },
  { text: '/a:/', error: /destination can't be '\/'/ },
  { text: '/a:/b:rx', error: /invalid mode: rx/ },
  { text: 'no spaces:/b', error: /includes invalid characters for a local volume name/ },
  { text: '/a:/b:ro:x', error: /invalid volume specification/ },
  { text: '/a::ro', error: /invalid volume specification/ },
];
for (const { text, error } of REFUSED)
  test(`requestedMounts() refuses "${text}"`, () => {
    assert.throws(() => of([text]), error);
  });

test('requestedMounts() refuses two mounts at one place, however it is written', () => {
  assert.throws(() => of(['/a:/x/', '/b:/x/./']), /Duplicate mount point: \/x/);
});
