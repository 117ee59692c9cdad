import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, it } from 'node:test';

const ROOT = resolve(import.meta.dirname, '../..');
const skip = existsSync(join(ROOT, 'dist/build.js')) ? false : 'needs npm run build';

/** What a stranger writes: it must compile in the strictest mode, and what is marked must not. */
const CONSUMER = `
import { arg, bind, cache, image, scratch, secret, ssh, tmpfs, type BuildResult, type Plan } from 'lading/build';
import { Client } from 'lading/client';
import { openEngine } from 'lading/engine';
import { serveRegistry } from 'lading/registry';

const version = arg('VERSION', '1');
const stage = image(\`busybox:\${version}\`).run('true', { mounts: [cache('/c')], env: { A: version } });
const app = scratch().copy('/x', '/x', { from: stage }).as('app');
const plan: Plan = app.plan();
console.log(JSON.stringify({ needed: plan.stages.map(({ needed }) => needed), dockerfile: app.toDockerfile() }));
export const result = (): PromiseLike<BuildResult> => app.build({ tags: ['x'] });
export const others = [Client, openEngine, serveRegistry];

export function mustNotCompile(): void {
  // @ts-expect-error an array has no shell that could export variables
  stage.run(['true'], { env: { A: '1' } });
  // @ts-expect-error the arguments of an array are not expanded
  stage.run(['echo', version]);
  // @ts-expect-error not a network of a build
  stage.run('true', { network: 'bridge' });
  // @ts-expect-error only secrets and agents can be required
  cache('/c', { required: true });
  // @ts-expect-error not a way to share
  cache('/c', { sharing: 'never' });
  // @ts-expect-error a tmpfs has no owner
  tmpfs('/t', { uid: 1 });
  // @ts-expect-error nothing to copy a secret from
  secret('s', { from: stage });
  // @ts-expect-error an agent has no size
  ssh({ size: 1 });
  // @ts-expect-error a bind has no mode
  bind('/b', { mode: 0o700 });
  // @ts-expect-error a mount is made by a function
  stage.run('true', { mounts: [{ type: 'cache' }] });
  // @ts-expect-error COPY unpacks nothing
  stage.copy('a', '/b', { unpack: true });
  // @ts-expect-error ADD copies from no stage
  stage.add('a', '/b', { from: stage });
  // @ts-expect-error ADD keeps no parents
  stage.add('a', '/b', { parents: true });
  // @ts-expect-error no destination
  stage.copy('a');
  // @ts-expect-error no destination
  stage.copy({ source: 'a' });
  // @ts-expect-error a variable's name has no "-"
  arg('NOT-A-NAME');
  // @ts-expect-error not a port
  stage.expose('http');
  // @ts-expect-error not a duration
  stage.healthcheck('true', { interval: 'soon' });
  // @ts-expect-error no check, no options
  stage.healthcheck(false, { retries: 1 });
  // @ts-expect-error a shell needs a program
  stage.shell([]);
  // @ts-expect-error no undefined values
  stage.env({ A: undefined });
  // @ts-expect-error a stage is begun with image()
  image();
  // @ts-expect-error a stage has the platform it was begun with
  image(stage, { platform: 'linux/arm64' });
  // @ts-expect-error scratch has no platform
  scratch({ platform: 'linux/arm64' });
}
`;

describe('the npm package', { skip }, () => {
  let app: string;

  before(() => {
    app = mkdtempSync(join(tmpdir(), 'lading-package-'));
    run('node', [join(ROOT, 'scripts/build-types.ts')], ROOT);
    run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', app], ROOT);
    const koffi = join(ROOT, 'node_modules/koffi');
    writeFileSync(
      join(app, 'package.json'),
      JSON.stringify({ type: 'module', dependencies: { koffi: `file:${koffi}` } }),
    );
    const [tarball = ''] = globSync('*.tgz', { cwd: app });
    const flags = ['--offline', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--omit=dev'];
    run('npm', ['install', ...flags, `./${tarball}`], app);
    mkdirSync(join(app, 'node_modules/@types'));
    for (const types of ['node', '../undici-types'])
      if (existsSync(join(ROOT, 'node_modules/@types', types)))
        symlinkSync(join(ROOT, 'node_modules/@types', types), join(app, 'node_modules/@types', types));
    writeFileSync(join(app, 'consumer.ts'), CONSUMER);
  });

  after(() => {
    rmSync(app, { recursive: true, force: true });
  });

  function run(program: string, args: readonly string[], cwd: string): string {
    const path = `${join(ROOT, 'node_modules/.bin')}:${process.env['PATH']}`;
    const { status, stdout, stderr } = spawnSync(program, args, {
      cwd,
      encoding: 'utf8',
      env: { ...process.env, PATH: path, NODE_TEST_CONTEXT: undefined },
    });
    assert.equal(status, 0, `${program} ${args.join(' ')}\n${stdout}${stderr}`);
    return stdout;
  }

  it('carries what it needs and no sources', () => {
    const files = globSync('**', { cwd: join(app, 'node_modules/lading') });
    for (const file of [
      'bin/lading',
      'bin/ladingd',
      'dist/build.js',
      'dist/lading.js',
      'types/build/index.d.ts',
      'README.md',
    ])
      assert.ok(files.includes(file), file);
    assert.deepEqual(
      files.filter((file) => /^(?:src|test|bench|scripts)\b/.test(file)),
      [],
    );
  });

  it('is typed: a strict consumer compiles, and wrong combinations do not', () => {
    const compilerOptions = {
      target: 'es2024',
      lib: ['es2024', 'esnext.disposable'],
      module: 'nodenext',
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      erasableSyntaxOnly: true,
      types: ['node'],
      noEmit: true,
    };
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }));
    run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', '.'], app);
  });

  it('every example of the guide compiles, and those that only describe run', () => {
    const guide = readFileSync(join(ROOT, 'docs/typescript.md'), 'utf8');
    const examples = [...guide.matchAll(/^```ts\n([^]*?)^```$/gm)].map((match) => match[1] ?? '');
    assert.ok(examples.length >= 8);
    const files = examples.map((text, i) => {
      writeFileSync(join(app, `example${i}.ts`), text);
      return `example${i}.ts`;
    });
    const { compilerOptions } = JSON.parse(readFileSync(join(app, 'tsconfig.json'), 'utf8')) as {
      compilerOptions: object;
    };
    writeFileSync(join(app, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts', ...files] }));
    run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', '.'], app);
    const imports = files.map((file) => `import * as ${file.slice(0, -3)} from './${file}';`);
    writeFileSync(
      join(app, 'all.ts'),
      `${imports.join('\n')}\nexport const all = [${files.map((file) => file.slice(0, -3)).join()}];`,
    );
    const output = run('node', ['all.ts'], app);
    const shown = /`toDockerfile\(\)` writes[^]*?^```\n([^]*?)^```$/m.exec(guide)?.[1] ?? 'nothing';
    assert.ok(output.includes(shown), output);
  });

  it('the example is tested as its users would', () => {
    run('node', ['--test', join(ROOT, 'examples/build-ts/build.test.ts')], ROOT);
  });

  it('describes a build where it is installed', () => {
    const output = JSON.parse(run('node', ['consumer.ts'], app)) as { needed: boolean[]; dockerfile: string };
    assert.deepEqual(output.needed, [true, true]);
    assert.equal(
      output.dockerfile,
      `ARG VERSION=1

FROM busybox:\${VERSION} AS stage0
ARG VERSION=1
RUN --mount=type=cache,target=/c export A="\${VERSION}"; true

FROM scratch AS app
COPY --from=stage0 /x /x
`,
    );
  });

  it('names doors that are there', () => {
    const { exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      exports: Record<string, string | Record<string, string>>;
    };
    for (const target of Object.values(exports).flatMap((entry) =>
      typeof entry === 'string' ? entry : Object.values(entry),
    ))
      assert.ok(existsSync(join(app, 'node_modules/lading', target)), target);
  });
});
