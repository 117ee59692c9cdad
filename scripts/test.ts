/**
 * Runs every test: checks of the sources, unit tests, then the integration and crash tests: those with a store of their own and nothing
 * of the machine's networks two files at a time, the others, which share the machine's mounts, networks and firewall, one. Prints what failed in full, what was skipped and why, and a summary.
 * `npm test -- PATTERN` runs only the files whose path contains PATTERN.
 */
import { spawnSync } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { run } from 'node:test';

interface Tally {
  passed: number;
  readonly failed: string[];
  readonly skipped: string[];
}

const pattern = process.argv[2] ?? '';
const FILE_TIMEOUT_MS = 10 * 60_000;

function check(program: string, args: string[]): boolean {
  const started = performance.now();
  const { status } = spawnSync(`node_modules/.bin/${program}`, args, { stdio: 'inherit' });
  console.log(
    `${status === 0 ? 'ok  ' : 'FAIL'} ${program} ${args.join(' ')} (${Math.round(performance.now() - started)} ms)`,
  );
  return status === 0;
}

async function runFiles(title: string, globs: string[], concurrency: number, tally: Tally): Promise<void> {
  const files = globs
    .flatMap((glob) => globSync(glob))
    .filter((file) => file.includes(pattern))
    .sort();
  if (files.length === 0) return;
  console.log(`\n${title}: ${files.length} files`);
  const started = performance.now();
  for await (const { type, data } of run({ files, concurrency, timeout: FILE_TIMEOUT_MS })) {
    if (type === 'test:fail') reportFailure(data, tally);
    else if (type === 'test:pass') countPass(data, tally);
    else if (type === 'test:stderr' && process.env['LADING_TEST_VERBOSE']) process.stderr.write(data.message);
  }
  console.log(`${title}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/** Whether a file's tests meet no others: a builder on a store of its own, no daemon. */
function isAlone(file: string): boolean {
  const text = readFileSync(file, 'utf8');
  return text.includes('builder-harness') && !text.includes('test-daemon');
}

type Outcome = {
  name: string;
  file?: string;
  skip?: string | boolean;
  todo?: string | boolean;
  details: { type?: string | undefined; error?: unknown };
};

/** A suite's own result only repeats its tests'. */
function countPass(data: Outcome, tally: Tally): void {
  if (data.details.type === 'suite') return;
  if (data.skip !== undefined && data.skip !== false)
    tally.skipped.push(`${data.name}: ${data.skip === true ? 'no reason given' : data.skip}`);
  else tally.passed++;
}

function reportFailure(data: Outcome, tally: Tally): void {
  const error = data.details.error as (Error & { cause?: unknown; failureType?: string }) | undefined;
  if (error?.failureType === 'subtestsFailed') return;
  tally.failed.push(`${data.name} (${data.file ?? ''})`);
  const cause = error?.cause ?? error;
  console.log(
    `\nFAIL ${data.name}\n     ${data.file ?? ''}\n${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`,
  );
}

const tally: Tally = { passed: 0, failed: [], skipped: [] };
let sourcesAreFine = true;
if (pattern === '') {
  for (const [program, ...args] of [
    ['tsc', '-p', '.'],
    ['oxlint', '--quiet'],
    ['oxfmt', '--check', 'src', 'test', 'scripts', 'bench'],
  ] as const)
    sourcesAreFine = check(program, [...args]) && sourcesAreFine;
}
await runFiles('unit tests', ['src/**/*.test.ts', 'test/*.test.ts'], 2, tally);
const integration = globSync('test/integration/**/*.test.ts');
await runFiles('integration tests of builds', integration.filter(isAlone), 2, tally);
await runFiles(
  'integration tests',
  integration.filter((file) => !isAlone(file)),
  1,
  tally,
);
await runFiles('crash tests', ['test/crash/**/*.test.ts'], 1, tally);
console.log(`\npassed ${tally.passed}, failed ${tally.failed.length}, skipped ${tally.skipped.length}`);
for (const skipped of tally.skipped) console.log(`skipped: ${skipped}`);
for (const failed of tally.failed) console.log(`failed: ${failed}`);
process.exit(sourcesAreFine && tally.failed.length === 0 ? 0 : 1);
