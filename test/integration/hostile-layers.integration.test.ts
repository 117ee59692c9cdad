import assert from 'node:assert/strict';
import {
  createReadStream,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { applyLayer, extractTar, TarWriter, type TarHeader } from '../../src/archive/index.ts';
import { isLadingError, type ErrorCode } from '../../src/errors/index.ts';
import { getXattr, listXattrs } from '../../src/sys/index.ts';

const skip = process.geteuid?.() === 0 ? false : 'needs root: owners, devices and trusted attributes';

type Entry = Partial<TarHeader> & { readonly name: string; readonly body?: string };

const file = (name: string, body = 'evil', more: Partial<TarHeader> = {}): Entry => ({
  name,
  type: 'file',
  body,
  ...more,
});
const folder = (name: string): Entry => ({ name, type: 'directory', mode: 0o755 });
const link = (name: string, linkName: string): Entry => ({ name, type: 'symlink', linkName });
const hard = (name: string, linkName: string): Entry => ({ name, type: 'hardlink', linkName });

async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const chunks: Buffer[] = [];
  const writer = new TarWriter((chunk) => void chunks.push(Buffer.from(chunk)));
  for (const { body = '', ...entry } of entries) {
    const size = entry.type === 'file' ? Buffer.byteLength(body) : 0;
    const header = { type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: { sec: 1, nsec: 0 }, ...entry, size } as const;
    await writer.add(header, Buffer.from(body));
  }
  await writer.end();
  return Buffer.concat(chunks);
}

/** Everything about a tree that an attack could change. */
function picture(path: string): unknown[] {
  const stats = lstatSync(path);
  const own = [
    path,
    stats.mode,
    stats.uid,
    stats.gid,
    stats.nlink,
    stats.mtimeMs,
    stats.ctimeMs,
    listXattrs(path).join(),
  ];
  if (stats.isDirectory())
    return [
      own,
      ...readdirSync(path)
        .sort()
        .map((name) => picture(join(path, name))),
    ];
  return [...own, stats.isSymbolicLink() ? readlinkSync(path) : readFileSync(path, 'utf8')];
}

interface Stage {
  readonly base: string;
  readonly dir: string;
  readonly lower: string;
  readonly outside: string;
}

/** Runs an attack beside things that must not change. */
async function onStage(run: (stage: Stage) => Promise<void>): Promise<void> {
  const base = mkdtempSync('/var/tmp/lading-hostile-');
  try {
    const [dir, lower, outside] = ['root', 'lower', 'outside'].map((name) => join(base, name)) as [
      string,
      string,
      string,
    ];
    for (const each of [dir, lower, outside, join(lower, 'low')]) mkdirSync(each);
    writeFileSync(join(outside, 'secret'), 'secret');
    writeFileSync(join(base, 'beside'), 'beside');
    writeFileSync(join(lower, 'low', 'file'), 'low');
    symlinkSync(outside, join(lower, 'way-out'));
    const before = [picture(outside), picture(lower), picture(join(base, 'beside')), readdirSync('/').sort()];
    await run({ base, dir, lower, outside });
    const after = [picture(outside), picture(lower), picture(join(base, 'beside')), readdirSync('/').sort()];
    assert.deepEqual(after, before, 'something outside the root was touched');
    assert.deepEqual(
      readdirSync(base)
        .filter((name) => !name.startsWith('layer'))
        .sort(),
      ['beside', 'lower', 'outside', 'root'],
    );
  } finally {
    rmSync(base, { recursive: true, force: true });
  }
}

async function apply({ base, dir, lower }: Stage, tar: Buffer): Promise<unknown> {
  const path = join(base, 'layer');
  writeFileSync(path, tar);
  return applyLayer({ path }, { dir, lowerDirs: [lower] });
}

async function extract({ base, dir }: Stage, tar: Buffer): Promise<unknown> {
  const path = join(base, 'layer');
  writeFileSync(path, tar);
  return extractTar(createReadStream(path), { dir });
}

interface Row {
  readonly name: string;
  readonly entries: (stage: Stage) => readonly Entry[];
  /** Absent: it is accepted, and harmless. */
  readonly refused?: RegExp;
  /** Only layers treat these names in a special way. */
  readonly layerOnly?: boolean;
  readonly check?: (stage: Stage) => void;
}

const read = (stage: Stage, path: string) => readFileSync(join(stage.dir, path), 'utf8');
const A200 = 'a'.repeat(200);

const ROWS: readonly Row[] = [
  {
    name: 'a name that climbs out',
    entries: () => [file('../beside')],
    refused: /"\.\.\/beside": the name leads outside the root/,
  },
  {
    name: 'a name that climbs out behind a folder',
    entries: () => [folder('a'), file('a/../../beside')],
    refused: /"a\/\.\.\/\.\.\/beside": the name leads outside/,
  },
  {
    name: 'an absolute name',
    entries: ({ outside }) => [file(`${outside}/secret`)],
    check: (stage) => assert.equal(read(stage, `${stage.outside}/secret`), 'evil'),
  },
  {
    name: 'a climbing name that stays inside',
    entries: () => [file('a/b/../c')],
    check: (stage) => assert.equal(read(stage, 'a/c'), 'evil'),
  },
  {
    name: 'writing through an absolute symlink',
    entries: ({ outside }) => [link('out', outside), file('out/secret')],
    check: (stage) => assert.equal(read(stage, `${stage.outside}/secret`), 'evil'),
  },
  {
    name: 'writing through a climbing symlink',
    entries: () => [link('out', '../outside'), file('out/secret')],
    check: (stage) => assert.equal(read(stage, 'outside/secret'), 'evil'),
  },
  {
    name: 'writing through a chain of symlinks',
    entries: () => [folder('a'), link('a/up', '..'), link('out', 'a/up/../outside'), file('out/new')],
    check: (stage) => assert.equal(read(stage, 'outside/new'), 'evil'),
  },
  {
    name: 'writing onto a symlink',
    entries: ({ outside }) => [link('x', `${outside}/secret`), file('x')],
    check: (stage) => assert.ok(lstatSync(join(stage.dir, 'x')).isFile()),
  },
  {
    name: 'a folder over a symlink',
    entries: ({ outside }) => [link('x', outside), { ...folder('x'), mode: 0o777 }, file('x/new')],
    check: (stage) => assert.equal(read(stage, 'x/new'), 'evil'),
  },
  {
    name: 'metadata of a folder that became a symlink',
    entries: ({ outside }) => [folder('x'), link('x', outside)],
    check: (stage) => assert.equal(readlinkSync(join(stage.dir, 'x')), stage.outside),
  },
  {
    name: 'a loop of symlinks',
    entries: () => [link('a', 'b'), link('b', 'a'), file('a/x')],
    refused: /"a\/x": its parent is a loop of symlinks/,
  },
  {
    name: 'a parent that is a file',
    entries: () => [file('a'), file('a/b')],
    refused: /"a\/b": its parent "a" is not a folder/,
  },
  {
    name: 'a parent that is a magic link',
    entries: () => [link('fd', '/proc/self/cwd'), file('fd/x')],
    check: (stage) => assert.equal(read(stage, 'proc/self/cwd/x'), 'evil'),
  },
  {
    name: 'a hard link by a climbing name',
    entries: () => [hard('h', '../beside')],
    refused: /"\.\.\/beside": the name leads outside the root/,
  },
  {
    name: 'a hard link by an absolute name',
    entries: ({ outside }) => [hard('h', `${outside}/secret`)],
    refused: /"h": the target of the hard link, ".*secret", does not exist/,
  },
  {
    name: 'a hard link through a symlink',
    entries: ({ outside }) => [link('out', outside), hard('h', 'out/secret')],
    refused: /"h": the target of the hard link, "out\/secret", does not exist/,
  },
  {
    name: 'a hard link through a symlink of a lower layer',
    entries: () => [hard('h', 'way-out/secret')],
    refused: /"h": the target .* does not exist/,
  },
  {
    name: 'a hard link to a symlink is the symlink',
    entries: ({ outside }) => [link('s', `${outside}/secret`), hard('h', 's'), file('h')],
    check: (stage) => assert.ok(lstatSync(join(stage.dir, 's')).isSymbolicLink()),
  },
  { name: 'a hard link to the root', entries: () => [hard('h', '.')], refused: /"h": it is a hard link to the root/ },
  {
    name: 'a hard link to a folder',
    entries: () => [folder('d'), hard('h', 'd')],
    refused: /"h": it is a hard link to "d", which cannot be linked/,
  },
  {
    name: 'the root as a symlink',
    entries: ({ outside }) => [link('./', outside)],
    refused: /"\.\/": the root cannot become a symlink/,
  },
  { name: 'the root as a file', entries: () => [file('.')], refused: /"\.": the root cannot become a file/ },
  {
    name: 'a whiteout outside',
    entries: () => [file('../.wh.beside', '')],
    refused: /the name leads outside the root/,
  },
  {
    name: 'a whiteout through a symlink',
    layerOnly: true,
    entries: ({ outside }) => [link('out', outside), file('out/.wh.secret', '')],
    check: (stage) => assert.ok(lstatSync(join(stage.dir, stage.outside, 'secret')).isCharacterDevice()),
  },
  {
    name: 'a whiteout of the parent',
    layerOnly: true,
    entries: () => [folder('a'), file('a/.wh...', '')],
    refused: /"a\/\.wh\.\.\.": it is a whiteout without a name/,
  },
  {
    name: 'a whiteout of the folder itself',
    layerOnly: true,
    entries: () => [folder('a'), file('a/.wh..', '')],
    refused: /a whiteout without a name/,
  },
  {
    name: 'a whiteout of nothing',
    layerOnly: true,
    entries: () => [file('.wh.', '')],
    refused: /a whiteout without a name/,
  },
  {
    name: 'a path through a whiteout',
    layerOnly: true,
    entries: () => [file('.wh.low/file')],
    check: (stage) => assert.deepEqual(readdirSync(stage.dir), []),
  },
  {
    name: "AUFS's own names",
    layerOnly: true,
    entries: () => [folder('.wh..wh.plnk'), file('.wh..wh.plnk/1.2'), file('.wh..wh.aufs')],
    check: (stage) => assert.deepEqual(readdirSync(stage.dir), []),
  },
  {
    name: 'an opaque mark through a symlink',
    layerOnly: true,
    entries: ({ outside }) => [link('out', outside), file('out/.wh..wh..opq', '')],
  },
  {
    name: 'forged markers of overlayfs',
    entries: () => [
      {
        ...folder('d'),
        xattrs: new Map([
          ['trusted.overlay.opaque', Buffer.from('y')],
          ['trusted.overlay.redirect', Buffer.from('/etc')],
          ['user.overlay.opaque', Buffer.from('y')],
        ]),
      },
    ],
    check: (stage) =>
      assert.equal(
        getXattr(join(stage.dir, 'd'), 'trusted.overlay.redirect') ??
          getXattr(join(stage.dir, 'd'), 'trusted.overlay.opaque'),
        undefined,
      ),
  },
  {
    name: 'a component that is too long',
    entries: () => [file('a'.repeat(256))],
    refused: /"a{100}…": a component has 256 bytes, more than 255/,
  },
  {
    name: 'a name that is too long',
    entries: () => [file(Array.from({ length: 25 }, () => A200).join('/'))],
    refused: /the name has 5024 bytes, more than 4096/,
  },
  {
    name: 'a symlink target that is too long',
    entries: () => [link('l', 'a/'.repeat(2048))],
    refused: /"l": the symlink target has 4096 bytes/,
  },
  { name: 'a symlink without target', entries: () => [link('l', '')], refused: /"l": the symlink has no target/ },
];

describe('hostile layers', { skip }, () => {
  for (const row of ROWS) {
    for (const [verb, run] of [
      ['applyLayer', apply],
      ['extractTar', extract],
    ] as const) {
      if (row.layerOnly && verb === 'extractTar') continue;
      it(`${verb}() ${row.refused ? 'refuses' : 'contains'} ${row.name}`, () =>
        onStage(async (stage) => {
          const work = run(stage, await tarOf(row.entries(stage)));
          if (row.refused) await assert.rejects(work, { code: 'invalid_argument', message: row.refused });
          else await work;
          row.check?.(stage);
        }));
    }
  }
});

describe('broken layers', { skip }, () => {
  const good = () => tarOf([file('a', 'x'.repeat(1000))]);
  const rows: { name: string; tar: () => Promise<Buffer>; code: ErrorCode; message: RegExp; options?: object }[] = [
    {
      name: 'a tar cut inside a body',
      tar: async () => (await good()).subarray(0, 900),
      code: 'invalid_argument',
      message: /truncated in "a"/,
    },
    {
      name: 'a tar cut inside a header',
      tar: async () => (await good()).subarray(0, 300),
      code: 'invalid_argument',
      message: /the archive is truncated/,
    },
    {
      name: 'a wrong checksum',
      tar: async () => Buffer.from(await good()).fill('9', 100, 103),
      code: 'invalid_argument',
      message: /wrong checksum/,
    },
    {
      name: 'something that is not a tar',
      tar: async () => Buffer.alloc(2048, 'no tar '),
      code: 'invalid_argument',
      message: /read tar: /,
    },
    {
      name: 'a gzip cut short',
      tar: async () => gzipSync(await good()).subarray(0, 40),
      code: 'invalid_argument',
      message: /decompress gzip: unexpected end of file/,
    },
    {
      name: 'garbage behind gzip',
      tar: async () => Buffer.concat([gzipSync(await good()), Buffer.from('garbage')]),
      code: 'invalid_argument',
      message: /decompress gzip: /,
    },
    {
      name: 'a NUL in a PAX path',
      tar: async () => Buffer.concat([paxOf('path', 'a\0b'), await good()]),
      code: 'invalid_argument',
      message: /"a\\u0000b": the name holds a NUL byte/,
    },
    {
      name: 'a PAX record with a wrong length',
      tar: async () => Buffer.concat([paxBlock(Buffer.from('99 path=x\n')), await good()]),
      code: 'invalid_argument',
      message: /a PAX record has a wrong length/,
    },
    {
      name: 'more entries than allowed',
      tar: () => tarOf([file('a'), file('b'), file('c')]),
      options: { maxEntries: 2 },
      code: 'resource_exhausted',
      message: /more than 2 entries/,
    },
    {
      name: 'more bytes than allowed',
      tar: async () => gzipSync(Buffer.alloc(20 << 20)),
      options: { maxUncompressedBytes: 1 << 20 },
      code: 'resource_exhausted',
      message: /larger than 1048576 bytes/,
    },
    {
      name: 'another diffID',
      tar: good,
      options: { expectedDiffId: `sha256:${'0'.repeat(64)}` },
      code: 'data_loss',
      message: /its diffID is "sha256:.*", the image says "sha256:0/,
    },
  ];
  for (const { name, tar, code, message, options } of rows)
    it(`applyLayer() refuses ${name}`, () =>
      onStage(async (stage) => {
        const path = join(stage.base, 'layer');
        writeFileSync(path, await tar());
        await assert.rejects(applyLayer({ path }, { dir: stage.dir, lowerDirs: [], ...options }), { code, message });
      }));

  it('applyLayer() stops when its signal fires', () =>
    onStage(async (stage) => {
      const path = join(stage.base, 'layer');
      writeFileSync(path, gzipSync(Buffer.alloc(512 << 20), { level: 1 }));
      const work = applyLayer({ path }, { dir: stage.dir, lowerDirs: [], signal: AbortSignal.timeout(5) });
      await assert.rejects(work, (error) => isLadingError(error, 'cancelled'));
    }));
});

/** A PAX header, with its body, by hand: the writer refuses what it is told here. */
function paxBlock(body: Buffer): Buffer {
  const block = Buffer.alloc(512);
  block.write('pax', 0);
  block.write('0000644\0' + '0000000\0'.repeat(2), 100);
  block.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124);
  block.write('00000000000\0', 136);
  block.write('        x', 148);
  block.write('ustar\u000000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([block, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}

function paxOf(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  return paxBlock(Buffer.from(`${rest.length + 2}${rest}`));
}
