import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { BuildEvent, BuildExplanation, BuildRequest } from '../../src/builder/index.ts';
import { BuilderHarness } from '../support/builder-harness.ts';
import { GitServer } from '../support/git-server.ts';
import { FakeExecutor } from '../support/fake-executor.ts';
import { TestDaemon, daemonSkipReason } from '../support/test-daemon.ts';

const missing = [process.getuid?.() === 0 ? '' : 'needs root'].filter(Boolean);

/** A build that can be changed between two runs. */
interface World {
  readonly path: string;
  /** Path of a file of the context. */
  readonly at: (name: string) => string;
  text: string;
  settings: Partial<BuildRequest>;
}

interface Row {
  readonly name: string;
  readonly files?: Readonly<Record<string, string>>;
  readonly text: string;
  readonly settings?: Partial<BuildRequest>;
  readonly mutate: (world: World) => void | Promise<void>;
  /** "step cause: sentence" of every step that runs again. */
  readonly expect: readonly string[];
}

const edit =
  (from: string, to: string) =>
  (world: World): void => {
    assert.ok(world.text.includes(from));
    world.text = world.text.replace(from, to);
  };
const settings =
  (more: Partial<BuildRequest>) =>
  (world: World): void => {
    world.settings = { ...world.settings, ...more };
  };
const write =
  (name: string, content: string) =>
  (world: World): void => {
    mkdirSync(join(world.at(name), '..'), { recursive: true });
    writeFileSync(world.at(name), content);
  };

const SRC = { 'src/a.txt': 'a', 'src/b.txt': 'b', 'other.txt': 'o' };
const COPY_SRC = 'FROM scratch\nCOPY src /src/';

const FILES: readonly Row[] = [
  {
    name: 'a file’s content',
    files: SRC,
    text: COPY_SRC,
    mutate: write('src/a.txt', 'A'),
    expect: ['2 file: the content of "src/a.txt" changed'],
  },
  {
    name: 'several files',
    files: SRC,
    text: COPY_SRC,
    mutate: (world) => {
      write('src/a.txt', 'A')(world);
      write('src/c.txt', 'c')(world);
    },
    expect: ['2 file: the content of "src/a.txt" changed (and 1 other file differs)'],
  },
  {
    name: 'a new file',
    files: SRC,
    text: COPY_SRC,
    mutate: write('src/c.txt', 'c'),
    expect: ['2 file: "src/c.txt" was added'],
  },
  {
    name: 'a new folder',
    files: SRC,
    text: COPY_SRC,
    mutate: ({ at }) => mkdirSync(at('src/empty')),
    expect: ['2 file: the folder "src/empty" was added'],
  },
  {
    name: 'a removed file',
    files: SRC,
    text: COPY_SRC,
    mutate: ({ at }) => rmSync(at('src/b.txt')),
    expect: ['2 file: "src/b.txt" was removed'],
  },
  {
    name: 'a mode',
    files: SRC,
    text: COPY_SRC,
    mutate: ({ at }) => chmodSync(at('src/b.txt'), 0o755),
    expect: ['2 file: the mode of "src/b.txt" changed from 644 to 755'],
  },
  {
    name: 'a mode that --chmod replaces',
    files: SRC,
    text: 'FROM scratch\nCOPY --chmod=600 src /src/',
    mutate: ({ at }) => chmodSync(at('src/b.txt'), 0o755),
    expect: [],
  },
  {
    name: 'the kind of a file',
    files: SRC,
    text: COPY_SRC,
    mutate: ({ at }) => {
      rmSync(at('src/b.txt'));
      symlinkSync('a.txt', at('src/b.txt'));
    },
    expect: ['2 file: "src/b.txt" is a link now, it was a file'],
  },
  {
    name: 'a link’s target',
    files: { ...SRC, '.dockerignore': '' },
    text: 'FROM scratch\nCOPY links /',
    mutate: ({ at }) => {
      rmSync(at('links/l'));
      symlinkSync('two', at('links/l'));
    },
    expect: ['2 file: the target of the link "links/l" changed from "one" to "two"'],
  },
  {
    name: 'an owner in a stage',
    files: SRC,
    text: 'FROM scratch AS one\nCOPY --chown=1:1 src /src/\nFROM scratch\nCOPY --from=one /src /src/',
    mutate: edit('1:1', '2:2'),
    expect: [
      '2 flag: --chown changed from "1:1" to "2:2"',
      '4 file: the owner of "src/a.txt" from "one" changed from 1:1 to 2:2 (and 1 other file differs)',
    ],
  },
  {
    name: 'owners and times in the context',
    files: SRC,
    text: COPY_SRC,
    mutate: ({ at }) => {
      chownSync(at('src/a.txt'), 7, 7);
      utimesSync(at('src/b.txt'), 1, 1);
    },
    expect: [],
  },
  {
    name: 'a file nothing reads',
    files: SRC,
    text: COPY_SRC,
    mutate: write('other.txt', 'O'),
    expect: [],
  },
  {
    name: 'a file that is ignored now',
    files: SRC,
    text: 'FROM scratch\nCOPY src /src/',
    mutate: write('.dockerignore', '**/b.txt'),
    expect: ['2 ignore: .dockerignore leaves out "src/b.txt" now'],
  },
  {
    name: 'a file that is not ignored any more',
    files: { ...SRC, '.dockerignore': '**/b.txt' },
    text: 'FROM scratch\nCOPY src /src/',
    mutate: write('.dockerignore', '**/c.txt'),
    expect: ['2 ignore: .dockerignore does not leave out "src/b.txt" any more'],
  },
  {
    name: 'a file that is excluded now',
    files: SRC,
    text: 'FROM scratch\nCOPY --exclude=x.txt src /src/',
    mutate: edit('x.txt', 'a.txt'),
    expect: ['2 flag: --exclude leaves out "src/a.txt" now'],
  },
  {
    name: 'other sources',
    files: SRC,
    text: 'FROM scratch\nCOPY src/a.txt /all/',
    mutate: edit('src/a.txt', 'src/a.txt other.txt'),
    expect: ['2 sources: "other.txt" is read now: the sources changed from "src/a.txt" to "src/a.txt other.txt"'],
  },
  {
    name: 'a pattern that selects the same',
    files: SRC,
    text: 'FROM scratch\nCOPY src/*.txt /all/',
    mutate: edit('src/*.txt', 'src/a.txt src/b.*'),
    expect: [],
  },
  {
    name: 'a folder of another name with the same files',
    files: SRC,
    text: 'FROM scratch\nCOPY src /src/',
    mutate: (world) => {
      renameSync(world.at('src'), world.at('source'));
      edit('COPY src', 'COPY source')(world);
    },
    expect: [],
  },
];

const FLAGS: readonly Row[] = [
  {
    name: 'a destination',
    files: SRC,
    text: COPY_SRC,
    mutate: edit('/src/', '/dst/'),
    expect: ['2 dest: the destination changed from "/src/" to "/dst/"'],
  },
  {
    name: '--chown',
    files: SRC,
    text: COPY_SRC,
    mutate: edit('COPY', 'COPY --chown=5:5'),
    expect: ['2 flag: --chown was added: "5:5"'],
  },
  {
    name: '--chmod',
    files: SRC,
    text: 'FROM scratch\nCOPY --chmod=644 src /src/',
    mutate: edit('644', '600'),
    expect: ['2 flag: --chmod changed from "644" to "600"'],
  },
  {
    name: '--chmod written otherwise',
    files: SRC,
    text: 'FROM scratch\nCOPY --chmod=644 src /src/',
    mutate: edit('644', '0644'),
    expect: [],
  },
  {
    name: '--link',
    files: SRC,
    text: 'FROM scratch\nCOPY other.txt /\nCOPY --link src /src/',
    mutate: edit('COPY --link src', 'COPY src'),
    expect: ['3 flag: --link was removed'],
  },
  {
    name: '--link on a layer that is there already',
    files: SRC,
    text: 'FROM scratch\nCOPY other.txt /\nCOPY src /src/',
    mutate: edit('COPY src', 'COPY --link src'),
    expect: [],
  },
  {
    name: 'a base below --link',
    files: SRC,
    text: 'FROM scratch\nCOPY other.txt /\nCOPY --link src /src/',
    mutate: write('other.txt', 'O'),
    expect: ['2 file: the content of "other.txt" changed'],
  },
  {
    name: '--unpack',
    files: SRC,
    text: 'FROM scratch\nADD src /src/',
    mutate: edit('ADD', 'ADD --unpack=false'),
    expect: ['2 flag: --unpack was added: "false"'],
  },
  {
    name: 'ADD in the place of COPY',
    files: SRC,
    text: COPY_SRC,
    mutate: edit('COPY', 'ADD'),
    expect: ['2 command: the instruction changed from "COPY" to "ADD"'],
  },
  {
    name: 'a here-document',
    text: 'FROM scratch\nCOPY <<one /file\ntext\none',
    mutate: edit('text', 'other'),
    expect: ['2 heredoc: the here-document "one" changed'],
  },
];

const RUNS: readonly Row[] = [
  {
    name: 'a command',
    text: 'FROM scratch\nRUN make',
    mutate: edit('make', 'make all'),
    expect: ['2 command: the command changed from "make" to "make all"'],
  },
  {
    name: 'a long command',
    text: `FROM scratch\nRUN ${'a'.repeat(200)} && make one`,
    mutate: edit('make one', 'make two'),
    expect: ['2 command: the command changed from "…aaaaaa && make one" to "…aaaaaa && make two"'],
  },
  {
    name: 'a script',
    text: 'FROM scratch\nRUN <<EOF\n#!/bin/x\none\nEOF',
    mutate: edit('one', 'two'),
    expect: ['2 command: the text of the script changed'],
  },
  {
    name: 'the name of a here-document',
    text: 'FROM scratch\nRUN <<EOF\none\nEOF',
    mutate: edit('EOF\none\nEOF', 'END\none\nEND'),
    expect: [],
  },
  {
    name: 'the shell',
    text: 'FROM scratch\nSHELL ["/bin/sh", "-c"]\nRUN make',
    mutate: edit('/bin/sh', '/bin/bash'),
    expect: ['2 shell: the shell changed from "[\\"/bin/sh\\",\\"-c\\"]" to "[\\"/bin/bash\\",\\"-c\\"]"'],
  },
  {
    name: 'a user',
    text: 'FROM scratch\nRUN make',
    mutate: edit('RUN', 'USER app\nRUN'),
    expect: ['2 user: the user changed from "root" to "app"'],
  },
  {
    name: 'a working folder',
    files: SRC,
    text: 'FROM scratch\nCOPY src /src/\nCOPY src /dst/\nWORKDIR /src\nRUN make',
    mutate: edit('WORKDIR /src', 'WORKDIR /dst'),
    expect: [
      '4 workdir: the folder changed from "/src" to "/dst"',
      '5 workdir: the working folder changed from "/src" to "/dst"',
    ],
  },
  {
    name: 'a working folder below a relative destination',
    files: SRC,
    text: 'FROM scratch\nCOPY src /src/\nCOPY src /dst/\nWORKDIR /src\nCOPY other.txt .',
    mutate: edit('WORKDIR /src', 'WORKDIR /dst'),
    expect: [
      '4 workdir: the folder changed from "/src" to "/dst"',
      '5 workdir: the working folder changed from "/src" to "/dst"',
    ],
  },
  {
    name: 'the network',
    text: 'FROM scratch\nRUN make',
    mutate: edit('RUN', 'RUN --network=none'),
    expect: ['2 network: the network changed from "default" to "none"'],
  },
  {
    name: 'a host',
    text: 'FROM scratch\nRUN make',
    mutate: settings({ extraHosts: ['db:10.0.0.1'] }),
    expect: ['2 flag: --add-host changed from "" to "db:10.0.0.1"'],
  },
  {
    name: 'a mount',
    text: 'FROM scratch\nRUN make',
    mutate: edit('RUN', 'RUN --mount=type=cache,target=/cache'),
    expect: ['2 mount: --mount=type=cache,target=/cache was added'],
  },
  {
    name: 'a mount that is gone',
    text: 'FROM scratch\nRUN --mount=type=tmpfs,target=/t make',
    mutate: edit(' --mount=type=tmpfs,target=/t', ''),
    expect: ['2 mount: --mount=type=tmpfs,target=/t was removed'],
  },
  {
    name: 'a mount’s option',
    text: 'FROM scratch\nRUN --mount=type=tmpfs,target=/t,size=1m make',
    mutate: edit('1m', '2m'),
    expect: ['2 mount: size of --mount=type=tmpfs,target=/t changed from "1048576" to "2097152"'],
  },
  {
    name: 'a file seen by a mount',
    files: SRC,
    text: 'FROM scratch\nRUN --mount=type=bind,source=src,target=/src make',
    mutate: write('src/b.txt', 'B'),
    expect: ['2 file: the content of "src/b.txt" changed, seen by --mount=type=bind,target=/src'],
  },
];

const VARIABLES: readonly Row[] = [
  {
    name: 'a build argument',
    text: 'FROM scratch\nRUN first\nARG V\nRUN second',
    settings: { buildArgs: { V: '1' } },
    mutate: settings({ buildArgs: { V: '2' } }),
    expect: ['3 arg: ARG V changed from "1" to "2"'],
  },
  {
    name: 'a default',
    text: 'FROM scratch\nARG V=1\nRUN nothing one\nRUN nothing two',
    mutate: edit('V=1', 'V=2'),
    expect: ['2 arg: ARG V changed from "1" to "2"', '3 arg: ARG V changed from "1" to "2"'],
  },
  {
    name: 'an argument that appears',
    text: 'FROM scratch\nARG V\nRUN make',
    mutate: settings({ buildArgs: { V: 'x' } }),
    expect: ['2 arg: ARG V was added: "x"'],
  },
  {
    name: 'an argument of a secret’s name',
    text: 'FROM scratch\nARG NPM_TOKEN\nRUN make',
    settings: { buildArgs: { NPM_TOKEN: 'hunter1' } },
    mutate: settings({ buildArgs: { NPM_TOKEN: 'hunter2' } }),
    expect: ['2 arg: ARG NPM_TOKEN changed (its value is not shown)'],
  },
  {
    name: 'a password in an address',
    text: 'FROM scratch\nARG REPO\nRUN make',
    settings: { buildArgs: { REPO: 'https://me:hunter1@host/a' } },
    mutate: settings({ buildArgs: { REPO: 'https://me:hunter1@host/b' } }),
    expect: ['2 arg: ARG REPO changed from "https://****@host/a" to "https://****@host/b"'],
  },
  {
    name: 'an argument nothing declares, proxies, built-in ones',
    text: 'FROM scratch\nRUN make',
    mutate: settings({ buildArgs: { HTTP_PROXY: 'http://proxy', BUILDKIT_INLINE_CACHE: '1', X: '1' } }),
    expect: [],
  },
  {
    name: 'a proxy that is declared',
    text: 'FROM scratch\nARG HTTP_PROXY\nRUN make',
    mutate: settings({ buildArgs: { HTTP_PROXY: 'http://proxy' } }),
    expect: ['2 arg: ARG HTTP_PROXY was added: "http://proxy"'],
  },
  {
    name: 'an argument hidden by ENV',
    text: 'FROM scratch\nARG V=1\nENV V=fixed\nRUN make',
    mutate: edit('V=1', 'V=2'),
    expect: [],
  },
  {
    name: 'ENV',
    text: 'FROM scratch\nENV A=1\nRUN make',
    mutate: edit('A=1', 'A=2'),
    expect: ['2 env: ENV A changed from "1" to "2"'],
  },
  {
    name: 'ENV that is gone',
    text: 'FROM scratch\nENV A=1 B=2\nRUN make',
    mutate: edit(' B=2', ''),
    expect: ['2 env: ENV B was removed (it was "2")'],
  },
  {
    name: 'ENV in another order',
    text: 'FROM scratch\nENV A=1 B=2\nRUN make',
    mutate: edit('A=1 B=2', 'B=2 A=1'),
    expect: ['2 env: the order of the environment variables changed'],
  },
  {
    name: 'ENV, ARG and labels that a COPY does not use',
    files: SRC,
    text: 'FROM scratch\nENV A=1\nARG V=1\nLABEL a=b c=d\nCOPY src /src/\nCMD ["x"]',
    mutate: (world) => {
      edit('ENV A=1\nARG V=1', 'ENV A=2 B=3\nARG V=2')(world);
      edit('a=b c=d', 'c=d a=x')(world);
      edit('CMD ["x"]', 'CMD ["y"]')(world);
    },
    expect: [],
  },
  {
    name: 'a variable in a destination',
    files: SRC,
    text: 'FROM scratch\nARG TO=/a\nCOPY src $TO/',
    mutate: edit('/a', '/b'),
    expect: ['2 dest: the destination changed from "/a/" to "/b/"'],
  },
  {
    name: 'comments, case, blanks and line breaks',
    files: SRC,
    text: '# one\nFROM scratch\nCOPY src /src/\nRUN make && \\\n  # inside\n  true\nRUN last',
    mutate: (world) => {
      edit('# one', '# two\n\n# three')(world);
      edit('COPY src /src/', 'copy   src \\\n   /src/')(world);
      edit('  # inside', '  # another\n  # two of them')(world);
      edit('RUN last', 'run   last')(world);
    },
    expect: [],
  },
];

const PARENTS: readonly Row[] = [
  {
    name: 'a step above',
    files: SRC,
    text: 'FROM scratch\nCOPY other.txt /\nWORKDIR /w\nRUN make',
    mutate: write('other.txt', 'O'),
    expect: [
      '2 file: the content of "other.txt" changed',
      '3 parent: step [2/4] above it changed (COPY other.txt /)',
      '4 parent: step [2/4] above it changed (COPY other.txt /)',
    ],
  },
  {
    name: 'only what differs when a step above gives the same',
    files: SRC,
    text: 'FROM scratch\nARG V=1\nRUN nothing\nCOPY src /src/',
    mutate: edit('V=1', 'V=2'),
    expect: ['2 arg: ARG V changed from "1" to "2"'],
  },
  {
    name: 'a new step above',
    files: SRC,
    text: 'FROM scratch\nCOPY src /src/\nRUN make',
    mutate: edit('RUN make', 'COPY other.txt /\nRUN make'),
    expect: ['3 new: it is new in the Dockerfile', '4 parent: step [3/4] above it is new (COPY other.txt /)'],
  },
  {
    name: 'the same step once more',
    text: 'FROM scratch\nRUN make',
    mutate: edit('RUN make', 'RUN make\nRUN make'),
    expect: ['3 new: it is new in the Dockerfile'],
  },
  {
    name: 'a step above that is gone',
    files: SRC,
    text: 'FROM scratch\nCOPY other.txt /\nCOPY src /src/',
    mutate: edit('COPY other.txt /\n', ''),
    expect: ['2 parent: a step above it was removed (COPY other.txt /)'],
  },
  {
    name: 'a step in the stage it is built on',
    files: SRC,
    text: 'FROM scratch AS one\nCOPY other.txt /\nFROM one\nCOPY src /src/',
    mutate: write('other.txt', 'O'),
    expect: [
      '2 file: the content of "other.txt" changed',
      '4 parent: step [one 2/2] above it changed (COPY other.txt /)',
    ],
  },
  {
    name: 'a file of a stage whose files are those of the context',
    files: SRC,
    text: 'FROM scratch AS one\nCOPY src /dir/\nFROM scratch\nCOPY --from=one --chown=1:1 /dir /dir/',
    mutate: write('src/a.txt', 'A'),
    expect: ['2 file: the content of "src/a.txt" changed', '4 file: the content of "dir/a.txt" from "one" changed'],
  },
  {
    name: 'a stage of another name',
    files: SRC,
    text: 'FROM scratch AS one\nCOPY other.txt /\nFROM scratch\nCOPY --from=one / /one/',
    mutate: (world) => {
      world.text = world.text.replaceAll('one', 'two').replace('/two/', '/one/');
    },
    expect: [],
  },
  {
    name: 'a stage before all others',
    files: SRC,
    text: 'FROM scratch\nCOPY src /src/\nRUN make',
    mutate: (world) => {
      world.text = `FROM scratch AS first\nCOPY other.txt /\n${world.text}\nCOPY --from=first / /first/`;
      write('src/a.txt', 'A')(world);
    },
    expect: [
      '2 new: it was never built before',
      '4 file: the content of "src/a.txt" changed',
      '5 parent: step [stage-1 2/4] above it changed (COPY src /src/)',
      '6 new: it is new in the Dockerfile',
    ],
  },
  {
    name: '--no-cache',
    files: SRC,
    text: COPY_SRC,
    mutate: settings({ noCache: true }),
    expect: ['2 no-cache: --no-cache was given'],
  },
  {
    name: '--no-cache-filter',
    files: SRC,
    text: 'FROM scratch AS Tools\nRUN chance\nFROM scratch\nCOPY src /src/\nCOPY --from=tools /ran /',
    mutate: settings({ noCacheFilter: ['TOOLS'] }),
    expect: [
      '2 no-cache: --no-cache-filter names the stage "tools"',
      '5 file: the content of "ran" from "tools" changed',
    ],
  },
  {
    name: 'a step above that ran again',
    files: SRC,
    text: 'FROM scratch AS one\nRUN chance\nFROM one\nCOPY src /src/',
    mutate: settings({ noCacheFilter: ['one'] }),
    expect: [
      '2 no-cache: --no-cache-filter names the stage "one"',
      '4 parent: step [one 2/2] above it ran again and gave another result (RUN chance)',
    ],
  },
];

/** A store of its own for each build: what others left in the cache would be found. */
async function withBuilds(work: (builds: Builds) => Promise<void>): Promise<void> {
  const harness = await BuilderHarness.open(undefined, { bare: true, fake: new FakeExecutor() });
  try {
    await work(new Builds(harness));
    assert.deepEqual(await harness.leftovers(), []);
  } finally {
    await harness.close();
  }
}

class Builds {
  readonly harness: BuilderHarness;

  constructor(harness: BuilderHarness) {
    this.harness = harness;
  }

  world(text: string, files: Readonly<Record<string, string>> = {}, more: Partial<BuildRequest> = {}): World {
    const path = this.harness.context({ 'links/.keep': '', ...files });
    symlinkSync('one', join(path, 'links/l'));
    return { path, at: (name) => join(path, name), text, settings: more };
  }

  /** What a build says of the steps that ran, in the file's order. */
  async explain(world: World): Promise<string[]> {
    const context = { kind: 'directory', path: world.path } as const;
    const { events } = await this.harness.build({
      context,
      dockerfileText: world.text,
      explain: true,
      ...world.settings,
    });
    return explanations(events);
  }
}

describe('build --explain', { skip: missing.length > 0 && missing.join(', ') }, () => {
  for (const row of [...FILES, ...FLAGS, ...RUNS, ...VARIABLES, ...PARENTS])
    it(`names ${row.name}`, () =>
      withBuilds(async (builds) => {
        const world = builds.world(row.text, row.files, row.settings);
        await builds.explain(world);
        assert.deepEqual(await builds.explain(world), [], 'nothing changed');
        await row.mutate(world);
        assert.deepEqual(await builds.explain(world), row.expect);
        const { noCache: _no, noCacheFilter: _filter, ...rest } = world.settings;
        world.settings = rest;
        assert.deepEqual(await builds.explain(world), [], 'nothing changed again');
      }));
});

describe('build --explain beyond the context', { skip: missing.length > 0 && missing.join(', ') }, () => {
  const base = (builds: Builds, tag: string, content: string) =>
    builds.explain({ ...builds.world(`FROM scratch\nCOPY <<x /base\n${content}\nx`), settings: { tags: [tag] } });
  const digestOf = async ({ harness }: Builds, tag: string): Promise<string> =>
    harness.images.resolve(tag).record.manifest.digest;

  it('names the old and the new digest of a base image that moved', () =>
    withBuilds(async (builds) => {
      const world = builds.world('FROM base\nWORKDIR /w\nCOPY src /src/', SRC);
      await base(builds, 'base', 'one');
      const before = await digestOf(builds, 'base');
      await builds.explain(world);
      await base(builds, 'base', 'two');
      const now = await digestOf(builds, 'base');
      const sentence = `base: the base image "base" changed from ${before.slice(0, 19)} to ${now.slice(0, 19)}`;
      assert.deepEqual(await builds.explain(world), [`2 ${sentence}`, `3 ${sentence}`]);
      const [, step] = builds.harness.builder.why(`${world.path}/Dockerfile`).steps;
      assert.deepEqual([step?.cause, step?.subject, step?.before, step?.after], ['base', 'base', before, now]);
      await base(builds, 'other', 'three');
      world.text = world.text.replace('FROM base', 'FROM other');
      const [first] = await builds.explain(world);
      assert.equal(first, '2 base: the base image changed from "base" to "other"');
    }));

  it('tells records that were pruned from steps that were never built', () =>
    withBuilds(async (builds) => {
      const world = builds.world('FROM scratch\nCOPY src /src/\nRUN make', SRC);
      assert.deepEqual(await builds.explain(world), [
        '2 new: it was never built before',
        '3 new: it was never built before',
      ]);
      await builds.harness.builder.prune({ all: true, filters: {} });
      assert.deepEqual(await builds.explain(world), [
        '2 pruned: its cache record was pruned',
        '3 pruned: its cache record was pruned',
      ]);
    }));

  it('says that a layer is gone', () =>
    withBuilds(async (builds) => {
      const world = builds.world('FROM scratch\nCOPY src /src/', SRC);
      await builds.explain(world);
      const [layer] = builds.harness.images.records();
      const { layers } = await builds.harness.images.open(layer!);
      await builds.harness.snapshotter.remove(layers[0]!.chainId);
      assert.deepEqual(await builds.explain(world), ['2 layer-gone: its layer is gone from the store']);
    }));

  it('says that a step failed before, and compares with the last one that did not', () =>
    withBuilds(async (builds) => {
      const world = builds.world('FROM scratch\nRUN good');
      await builds.explain(world);
      world.text = 'FROM scratch\nRUN fail';
      await assert.rejects(builds.explain(world), /exit code: 1/);
      const failed = builds.harness.builder.why();
      assert.deepEqual(
        failed.steps.map(({ status, message }) => [status, message]),
        [['failed', 'the command changed from "good" to "fail"']],
      );
      const events: BuildEvent[] = [];
      const again = builds.harness.build(
        { context: { kind: 'directory', path: world.path }, dockerfileText: world.text, explain: true },
        { onEvent: (event) => events.push(event) },
      );
      await assert.rejects(again);
      assert.deepEqual(explanations(events), ['2 failed: its last run failed']);
      world.text = 'FROM scratch\nRUN better';
      assert.deepEqual(await builds.explain(world), ['2 command: the command changed from "good" to "better"']);
    }));

  it('names what changed in a download, and the commit a repository moved to', () =>
    withBuilds(async (builds) => {
      let version = 1;
      const server = createServer((_request, response) => {
        response.writeHead(200, { ETag: `"v${version}"` }).end(`version ${version}`);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const git = await GitServer.start();
      try {
        const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
        const first = git.commit('repo', { a: '1' });
        const repository = git.url('repo');
        const world = builds.world(`FROM scratch\nADD ${url} /\nADD ${repository} /repo/`);
        await builds.explain(world);
        version = 2;
        assert.deepEqual(await builds.explain(world), [
          `2 download: the download "${url}" changed (ETag "\\"v1\\"" to "\\"v2\\"")`,
          `3 parent: step [2/3] above it changed (ADD ${url} /)`,
        ]);
        const second = git.commit('repo', { a: '2' });
        assert.deepEqual(await builds.explain(world), [
          `3 git: "${repository}" moved from commit ${first.slice(0, 12)} to ${second.slice(0, 12)}`,
        ]);
      } finally {
        server.close();
        await git.stop();
      }
    }));

  it('finds the nearest record of a step by its text, where the context is another folder', () =>
    withBuilds(async (builds) => {
      await builds.explain(builds.world('FROM scratch\nCOPY src /src/', SRC));
      const elsewhere = builds.world('FROM scratch\nCOPY src /src/', { ...SRC, 'src/a.txt': 'A' });
      assert.deepEqual(await builds.explain(elsewhere), ['2 file: the content of "src/a.txt" changed']);
    }));

  it('keeps values that look secret, and secrets of the build, out of all it remembers', () =>
    withBuilds(async (builds) => {
      const world = builds.world('FROM scratch\nARG API_KEY\nARG OTHER\nRUN make');
      const secrets = new Map([['s', Buffer.from('s3cr3t-of-the-build')]]);
      const args = (value: string) => ({ API_KEY: `looks-${value}`, OTHER: `x s3cr3t-of-the-build ${value}` });
      world.settings = { buildArgs: args('one'), secrets };
      await builds.explain(world);
      world.settings = { buildArgs: { ...args('one'), OTHER: 'x s3cr3t-of-the-build two' }, secrets };
      assert.deepEqual(await builds.explain(world), ['2 arg: ARG OTHER changed (its value is not shown)']);
      const database = ['metadata.db', 'metadata.db-wal']
        .map((name) => readFileSync(join(builds.harness.dir, name), 'latin1'))
        .join('');
      assert.ok(database.includes('build-steps'));
      // An image's history shows arguments, as Docker's does; it is no part of what is remembered here.
      for (const text of ['looks-one', 's3cr3t-of-the-build']) assert.ok(!database.includes(text), text);
    }));

  it('says that files changed while they were read', () =>
    withBuilds(async (builds) => {
      const world = builds.world('', { file: 'old' });
      // The download comes between digesting the context and copying it.
      const server = createServer((_request, response) => {
        if (writes-- > 0) write('file', 'new')(world);
        response.end('x');
      });
      let writes = 1;
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      try {
        world.text = `FROM scratch\nADD file http://127.0.0.1:${(server.address() as AddressInfo).port}/x /d/`;
        await builds.explain(world);
        write('file', 'old')(world);
        assert.deepEqual(await builds.explain(world), [
          '2 unsettled: its files changed while they were read the last time',
        ]);
        assert.deepEqual(await builds.explain(world), []);
      } finally {
        server.close();
      }
    }));

  it('compares with steps that another machine built, as far as their cache tells', () =>
    withBuilds(async (builds) => {
      const world = builds.world('FROM scratch\nARG V=1\nARG API_TOKEN=x\nCOPY src /src/\nRUN make', SRC);
      const folder = join(builds.harness.dir, 'travelling');
      world.settings = { cacheTo: [{ type: 'local', attrs: { dest: folder, mode: 'max' } }] };
      await builds.explain(world);
      await withBuilds(async (elsewhere) => {
        const there = elsewhere.world(world.text, SRC);
        there.settings = { cacheFrom: [{ type: 'local', attrs: { src: folder } }] };
        assert.deepEqual(await elsewhere.explain(there), []);
        edit('V=1', 'V=2')(there);
        assert.deepEqual(await elsewhere.explain(there), ['3 arg: ARG V changed from "1" to "2"']);
        edit('make', 'make all')(there);
        assert.deepEqual(await elsewhere.explain(there), ['3 command: the command changed from "make" to "make all"']);
        write('src/a.txt', 'A')(there);
        assert.deepEqual(await elsewhere.explain(there), [
          '2 file: the files it reads changed',
          '3 parent: step [2/3] above it changed (COPY src /src/)',
        ]);
      });
    }));

  it('warns of a filter that names no stage', () =>
    withBuilds(async (builds) => {
      const world = builds.world('FROM scratch AS one\nCOPY src /src/', SRC);
      const { events } = await builds.harness.build({
        context: { kind: 'directory', path: world.path },
        dockerfileText: world.text,
        noCacheFilter: ['on'],
      });
      const warnings = events.flatMap((event) => (event.kind === 'warning' ? event.message : []));
      assert.deepEqual(warnings, ['--no-cache-filter: no stage is called "on"']);
    }));

  it('remembers without being asked to explain, and finds a build by name, folder, tag and image', () =>
    withBuilds(async (builds) => {
      const world = builds.world('FROM scratch\nCOPY src /src/\nRUN make', SRC);
      const quiet = (more: Partial<BuildRequest> = {}) =>
        builds.harness.build({
          context: { kind: 'directory', path: world.path },
          dockerfileText: world.text,
          ...more,
        });
      await quiet();
      write('src/a.txt', 'A')(world);
      const { events, result } = await quiet({ tags: ['my/app:1'] });
      assert.deepEqual(explanations(events), []);
      for (const wanted of ['my/app:1', result.imageId!, result.imageId!.slice(7, 19), '']) {
        const { steps } = builds.harness.builder.why(wanted);
        assert.deepEqual(
          steps.map(({ status, cause }) => [status, cause]),
          [
            ['ran', 'file'],
            ['ran', 'parent'],
          ],
          wanted,
        );
      }
      assert.equal(builds.harness.builder.why(world.path).steps[0]?.cause, 'new');
      assert.equal(builds.harness.builder.why('my/app:1').steps[1]?.parent, 2);
      assert.throws(() => builds.harness.builder.why('unknown'), /no build of "unknown" is recorded/);
    }));
});

describe('lading build --explain and cache why', { skip: daemonSkipReason() ?? false }, () => {
  it('tell from a daemon why steps ran, also after its restart', async () => {
    await using daemon = await TestDaemon.start();
    const folder = mkdtempSync(join(daemon.dir, 'context-'));
    writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY file /\nWORKDIR /w\n');
    writeFileSync(join(folder, 'file'), '1');
    assert.equal(daemon.lading(['build', '-t', 'my/app', folder]).status, 0);
    await daemon.stop();
    await daemon.up();
    writeFileSync(join(folder, 'file'), '2');
    const { stderr } = daemon.lading(['build', '-t', 'my/app', '--explain', '--progress', 'plain', folder]);
    assert.match(stderr, /\n#2 → not cached: the content of "file" changed\n/);
    assert.match(stderr, /\n#3 → not cached: step \[2\/3\] above it changed \(COPY file \/\)\n/);
    const json = daemon.lading(['build', '-t', 'my/app', '--no-cache', '--explain', '--progress', 'json', folder]);
    assert.match(json.stderr, /"kind":"explain","step":2,"key":"[0-9a-f]{64}","cause":"no-cache"/);
    const why = daemon.lading(['cache', 'why', 'my/app', '--format', '{{.Step}} {{.Status}} {{.Message}}']);
    assert.equal(why.stdout, '2 ran --no-cache was given\n3 ran --no-cache was given\n');
    const unknown = daemon.lading(['cache', 'why', 'nothing']);
    assert.equal(unknown.status, 1);
    assert.match(unknown.stderr, /no build of "nothing" is recorded/);
  });
});

function explanations(events: readonly BuildEvent[]): string[] {
  return events
    .filter((event): event is BuildExplanation => event.kind === 'explain')
    .sort((a, b) => a.step - b.step)
    .map(({ step, cause, message }) => `${step} ${cause}: ${message}`);
}
