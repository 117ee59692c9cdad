import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bool, int, list, parseArguments, text } from './flags.ts';

const FLAGS = [
  bool('interactive', 'i', ''),
  bool('tty', 't', ''),
  bool('rm', '', ''),
  list('env', 'e', ''),
  list('publish', 'p', ''),
  text('name', '', ''),
  int('tail', 'n', ''),
];

test('parseArguments() reads bundles, attached values, repetition and equals signs', () => {
  const { flags, args } = parseArguments(
    ['-it', '-p80:80', '-p=81:81', '-e', 'A=1', '--env=B=2', '--rm=false', '--name', 'x', '-n', '-1', 'image'],
    FLAGS,
  );
  assert.deepEqual(args, ['image']);
  assert.deepEqual([flags.bool('interactive'), flags.bool('tty'), flags.bool('rm')], [true, true, false]);
  assert.deepEqual(flags.list('publish'), ['80:80', '81:81']);
  assert.deepEqual(flags.list('env'), ['A=1', 'B=2']);
  assert.equal(flags.text('name'), 'x');
  assert.equal(flags.int('tail'), -1);
});

test('parseArguments() ends flags at the first positional only when asked, and at --', () => {
  assert.deepEqual(parseArguments(['img', 'ls', '-l', '--rm'], FLAGS, { stopAtPositional: true }).args, [
    'img',
    'ls',
    '-l',
    '--rm',
  ]);
  const free = parseArguments(['a', '--rm', 'b', '--', '-t'], FLAGS);
  assert.deepEqual([free.args, free.flags.bool('rm'), free.flags.bool('tty')], [['a', 'b', '-t'], true, false]);
  assert.deepEqual(parseArguments(['-'], FLAGS).args, ['-']);
});

test('parseArguments() names what is wrong in Docker’s words', () => {
  const wrong: [string[], string][] = [
    [['--bogus'], 'unknown flag: --bogus'],
    [['-iz'], "unknown shorthand flag: 'z' in -iz"],
    [['--name'], 'flag needs an argument: --name'],
    [['-e'], "flag needs an argument: 'e' in -e"],
    [['--rm=x'], 'invalid argument "x" for "--rm" flag: strconv.ParseBool: parsing "x": invalid syntax'],
    [['-n', 'x'], 'invalid argument "x" for "-n, --tail" flag: strconv.ParseInt: parsing "x": invalid syntax'],
  ];
  for (const [argv, message] of wrong) assert.throws(() => parseArguments(argv, FLAGS), { message, status: 125 });
});
