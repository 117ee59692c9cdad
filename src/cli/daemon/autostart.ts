import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { socketAnswers } from '../../base/index.ts';
import { LadingError, messageOf } from '../../errors/index.ts';

const START_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

/** Starts ladingd in a session of its own and resolves when it answers. @throws unavailable with what its log says */
export async function startDaemon(socket: string): Promise<void> {
  const program = join(packageRoot(), 'bin', 'ladingd');
  if (!existsSync(program)) throw cannotStart(`${program} does not exist`, 'reinstall lading');
  const log = logFile();
  const offset = sizeOf(log);
  const child = spawnDetached(program, log);
  let ended: string | undefined;
  child.on('error', (error) => (ended = error.message));
  child.on('exit', (code, signal) => (ended ??= signal === null ? `exit status ${code}` : `killed by ${signal}`));
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    if (await socketAnswers(socket)) break;
    // Another client may have started one at the same moment: then ours ends and theirs answers.
    if (ended !== undefined && !(await socketAnswers(socket)))
      throw cannotStart(`it ended with ${ended}: ${lastProblem(log, offset)}`, `see ${log}`);
    if (Date.now() > deadline) throw cannotStart(`no answer after ${START_TIMEOUT_MS / 1000} s`, `see ${log}`);
    await sleep(POLL_MS);
  }
  child.unref();
}

function spawnDetached(program: string, log: string): ReturnType<typeof spawn> {
  mkdirSync(dirname(log), { recursive: true });
  const output = openSync(log, 'a', 0o640);
  try {
    return spawn(program, [], { detached: true, stdio: ['ignore', output, output], cwd: '/' });
  } finally {
    closeSync(output);
  }
}

/** /var/log/lading.log as root, else beside the user's data. */
function logFile(): string {
  if (process.getuid?.() === 0) return '/var/log/lading.log';
  const data = process.env['XDG_DATA_HOME'] ?? join(process.env['HOME'] ?? '/tmp', '.local', 'share');
  return join(data, 'lading', 'ladingd.log');
}

/** The folder with package.json above this file, in the bundle as in the sources. */
function packageRoot(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** The last line of this start's log that tells of an error, else its last line. */
function lastProblem(log: string, offset: number): string {
  try {
    const lines = readFileSync(log).subarray(offset).toString('utf8').trimEnd().split('\n');
    return lines.findLast((line) => /error|fatal|cannot|fail/i.test(line)) ?? lines.at(-1) ?? 'its log is empty';
  } catch (error) {
    return `its log cannot be read: ${messageOf(error)}`;
  }
}

function cannotStart(why: string, hint: string): LadingError {
  return new LadingError('unavailable', `start the lading daemon: ${why}`, { hint });
}
