import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generator, hostileText } from '../../test/support/hostile-texts.ts';
import { expandInstruction, parseDockerfile, runCommand, type Instruction } from '../dockerfile/index.ts';
import { isLadingError } from '../errors/index.ts';
import { arg, bind, cache, file, image, scratch, secret, variable, type Image } from './index.ts';

const SEEDS = 500;
const ENV = new Map([
  ['HOME', '/root'],
  ['PATH', '/bin'],
  ['A', 'set'],
]);

/** What the builder would see of the last instruction. */
function last(stage: Image): Instruction {
  const { stages } = parseDockerfile(stage.plan().dockerfile);
  assert.equal(stages.length, 1);
  return expandInstruction(stages[0]!.instructions.at(-1)!, ENV, { escape: '\\' }).instruction;
}

/** Values that a place refuses at definition are fine: what is not refused has to arrive. */
function arrives(
  value: string,
  define: (value: string) => Image,
  read: (instruction: Instruction) => unknown,
  expected: unknown = value,
): void {
  let stage: Image;
  try {
    stage = define(value);
  } catch (error) {
    assert.ok(isLadingError(error, 'invalid_argument'), String(error));
    assert.match(error.message, /hostile-values\.test\.ts:\d+: /);
    return;
  }
  assert.deepEqual(read(last(stage)), expected, JSON.stringify(value));
}

type Kind<K extends Instruction['kind']> = Extract<Instruction, { kind: K }>;
const base = image('x');

test('any text arrives byte for byte in every place of the language', () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = generator(seed);
    const value = hostileText(random);
    const other = hostileText(random);
    arrives(
      value,
      (text) => base.env({ NAME: text }),
      (i) => (i as Kind<'env'>).pairs[0]?.value,
    );
    arrives(
      value,
      (text) => base.label({ [text]: other }),
      (i) => [(i as Kind<'label'>).pairs[0]?.key, (i as Kind<'label'>).pairs[0]?.value],
      [value, other],
    );
    arrives(
      value,
      (text) => base.arg(arg('NAME', text)),
      (i) => (i as Kind<'arg'>).args[0]?.default,
    );
    arrives(
      value,
      (text) => base.run(['p', text, other]),
      (i) => (i as Kind<'run'>).args,
      ['p', value, other],
    );
    arrives(
      value,
      (text) => base.cmd([text]),
      (i) => (i as Kind<'cmd'>).args,
      [value],
    );
    arrives(
      value,
      (text) => base.entrypoint([text, other]),
      (i) => (i as Kind<'entrypoint'>).args,
      [value, other],
    );
    arrives(
      value,
      (text) => base.shell([text]),
      (i) => (i as Kind<'shell'>).args,
      [value],
    );
    arrives(
      value,
      (text) => base.workdir(text),
      (i) => (i as Kind<'workdir'>).path,
    );
    arrives(
      value,
      (text) => base.user(text),
      (i) => (i as Kind<'user'>).user,
    );
    arrives(
      value,
      (text) => base.stopsignal(text),
      (i) => (i as Kind<'stopsignal'>).signal,
    );
    arrives(
      value,
      (text) => base.healthcheck(['p', text]),
      (i) => (i as Kind<'healthcheck'>).test,
      ['CMD', 'p', value],
    );
    arrives(
      value,
      (text) => base.volume(text, '/v'),
      (i) => (i as Kind<'volume'>).volumes,
      [value, '/v'],
    );
    arrives(
      value,
      (text) => base.copy([text, 'b'], other === '' ? '/d' : other),
      (i) => [(i as Kind<'copy'>).sources, (i as Kind<'copy'>).dest],
      [[value, 'b'], other === '' ? '/d' : other],
    );
    arrives(
      value,
      (text) => base.copy('a', '/', { chown: text, chmod: other }),
      (i) => [(i as Kind<'copy'>).chown ?? '', (i as Kind<'copy'>).chmod ?? ''],
      [value, other],
    );
    arrives(
      value,
      (text) => base.copy('a', '/', { exclude: [text, other] }),
      (i) => (i as Kind<'copy'>).exclude,
      [value, other],
    );
    arrives(
      value,
      (text) => base.copy(file(text), '/f'),
      (i) => (i as Kind<'copy'>).heredocs[0]?.content,
      value === '' || value.endsWith('\n') ? value : `${value}\n`,
    );
    arrives(
      value,
      (text) => base.copy(file(`${text}${variable('A')}\n`), '/f'),
      (i) => (i as Kind<'copy'>).heredocs[0]?.content,
      `${value}set\n`,
    );
    arrives(
      value,
      (text) => base.env({ NAME: `${text}${variable('A')}${other}` }),
      (i) => (i as Kind<'env'>).pairs[0]?.value,
      `${value}set${other}`,
    );
    arrives(
      value,
      (text) => base.env({ NAME: variable('NOT_SET').or(text) }),
      (i) => (i as Kind<'env'>).pairs[0]?.value,
    );
    arrives(
      value,
      (text) => base.onbuild((later) => later.cmd([text])),
      (i) => (i as Kind<'onbuild'>).trigger,
      `CMD ${JSON.stringify([value])}`,
    );
  }
});

test('any text arrives byte for byte in mounts', () => {
  const mounts = (i: Instruction) => (i as Kind<'run'>).mounts[0];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = generator(seed);
    const value = hostileText(random) || '/x';
    arrives(
      value,
      (text) => base.run('t', { mounts: [cache(text, { id: value })] }),
      (i) => [mounts(i)?.target, mounts(i)?.id],
      [value, value],
    );
    arrives(
      value,
      (text) => base.run('t', { mounts: [bind('/t', { source: text, from: 'x' })] }),
      (i) => mounts(i)?.source,
    );
    arrives(
      value,
      (text) => base.run('t', { mounts: [secret(text, { target: value, mode: 0o400, uid: 5 })] }),
      (i) => [mounts(i)?.id, mounts(i)?.target, mounts(i)?.mode],
      [value, value, 0o400],
    );
  }
});

test('a shell command arrives as it is; as a script it ends with a line break', () => {
  const commandOf = (stage: Image): readonly string[] => {
    const run = parseDockerfile(stage.plan().dockerfile).stages[0]!.instructions[0] as Kind<'run'>;
    const command = runCommand(run);
    assert.equal(run.form, 'shell');
    return command.kind === 'args' ? command.args : [command.file.content];
  };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const value = hostileText(generator(seed));
    if (value.trim() === '') {
      assert.throws(() => base.run(value), { message: /the command is empty/ });
      continue;
    }
    const [text = ''] = commandOf(base.run(value));
    assert.ok(text === value || text === `${value}\n`, `${JSON.stringify(value)} became ${JSON.stringify(text)}`);
    const [prefixed = ''] = commandOf(base.run(value, { network: 'none', mounts: [cache('/c')] }));
    assert.equal(prefixed, text);
  }
});

test('long values are folded without a trace, too long lines of text are refused', () => {
  for (const value of [
    'x'.repeat(200_000),
    '\\'.repeat(70_000),
    '# '.repeat(50_000),
    '\u{1f433}'.repeat(60_000),
    '" '.repeat(40_000),
  ]) {
    arrives(
      value,
      (text) => base.env({ NAME: text }),
      (i) => (i as Kind<'env'>).pairs[0]?.value,
    );
    arrives(
      value,
      (text) => base.run(['p', text]),
      (i) => (i as Kind<'run'>).args,
      ['p', value],
    );
  }
  assert.throws(() => scratch().copy(file('x'.repeat(70_000)), '/x'), { message: /a line of 70000 bytes/ });
});

test('what nothing can hold is refused', () => {
  assert.throws(() => base.env({ A: 'a\0b' }), {
    message: /hostile-values\.test\.ts:\d+: env\(\): A: a text cannot hold a NUL/,
  });
  assert.throws(() => base.run(['a\ud800']), { message: /half of a surrogate pair/ });
});
