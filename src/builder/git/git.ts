import { spawn, type ChildProcess } from 'node:child_process';
import { runCommand } from '../../base/index.ts';
import { LadingError, errnoOf, isLadingError } from '../../errors/index.ts';

export interface GitRun {
  readonly gitDir?: string;
  readonly workTree?: string;
  readonly indexFile?: string;
  readonly input?: string | Uint8Array;
  /** More settings, handed over where no process list shows them. */
  readonly config?: readonly (readonly [key: string, value: string])[];
  /** Socket of an ssh agent. */
  readonly sshAgent?: string | undefined;
  /** Protocols it may speak; default none but what stays in the repository. */
  readonly protocols?: string;
  /** For standard output that may be long; without it the output is returned. */
  readonly onOutput?: (chunk: Buffer) => void;
  /** Ended after twice the time of silence, whatever it says meanwhile. */
  readonly isShort?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface GitResult {
  readonly status: number;
  readonly stdout: string;
  /** What git complained about, one line, without control characters. */
  readonly complaint: string;
}

/** Protocols that lead to other machines. Not "file" and not "ext", which would read and run what is here. */
export const REMOTE_PROTOCOLS = 'https:http:git:ssh';

const MIN_VERSION = [2, 31] as const;
const MAX_OUTPUT = 16 << 20;
const MAX_COMPLAINT = 64 << 10;
/** A pack, or a file checked out, does not grow beyond this. */
const MAX_FILE_BYTES = 16 * 2 ** 30;
const IDLE_MS = 60_000;
/** Files are 644 and 755, as BuildKit has them; no file grows without bound. `exec` keeps the process' id. */
const SCRIPT = 'umask 022; ulimit -f "$1" 2>/dev/null; shift; exec git "$@"';

/** Nothing a repository, a user's or the machine's settings could bring runs or is asked. */
const HARDENED: readonly (readonly [string, string])[] = [
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['core.attributesFile', '/dev/null'],
  ['core.excludesFile', '/dev/null'],
  ['core.autocrlf', 'false'],
  ['core.symlinks', 'true'],
  ['core.fileMode', 'true'],
  ['core.protectHFS', 'true'],
  ['core.protectNTFS', 'true'],
  ['core.logAllRefUpdates', 'false'],
  ['credential.helper', ''],
  ['submodule.recurse', 'false'],
  ['fetch.recurseSubmodules', 'false'],
  ['fetch.writeCommitGraph', 'false'],
  ['gc.auto', '0'],
  ['maintenance.auto', 'false'],
  ['safe.directory', '*'],
  ['init.defaultBranch', 'master'],
  ['http.lowSpeedLimit', '1'],
  ['http.lowSpeedTime', '60'],
];

/**
 * The system's `git`, as the builder uses it: no hooks, no settings of users or the machine, no prompts, no helpers; a process that says nothing for a minute is
 * ended with all it started. Probed when it is first needed.
 */
export class Git {
  readonly #idleMs: number;
  readonly #knownHosts: string;
  #probed: Promise<void> | undefined;

  /** @param knownHosts file that keeps the keys of ssh servers seen before */
  constructor(options: { readonly knownHosts: string; readonly idleMs?: number | undefined }) {
    this.#knownHosts = options.knownHosts;
    this.#idleMs = options.idleMs ?? IDLE_MS;
  }

  /**
   * Runs one command to its end; a non-zero status is not an error here.
   * @throws unavailable when git is missing or too old; deadline_exceeded when it stalls; cancelled
   */
  async run(args: readonly string[], options: GitRun = {}): Promise<GitResult> {
    await (this.#probed ??= probe());
    const { signal } = options;
    signal?.throwIfAborted();
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'sh', String(MAX_FILE_BYTES / 512), ...args], {
      cwd: '/',
      env: this.#environment(options),
      stdio: ['pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const kill = (): void => killGroup(child);
    signal?.addEventListener('abort', kill, { once: true });
    try {
      return await this.#follow(child, args, options);
    } finally {
      signal?.removeEventListener('abort', kill);
    }
  }

  /** As run(), but any status other than 0 is an error: "`what`: what git said". */
  async must(what: string, args: readonly string[], options: GitRun = {}, hint?: string): Promise<string> {
    const { status, stdout, complaint } = await this.run(args, options);
    if (status === 0) return stdout;
    throw new LadingError(
      'invalid_argument',
      `${what}: ${complaint === '' ? `git ended with ${status}` : complaint}`,
      hint === undefined ? {} : { hint },
    );
  }

  async #follow(child: ChildProcess, args: readonly string[], options: GitRun): Promise<GitResult> {
    const out: Buffer[] = [];
    let size = 0;
    let complaint = '';
    let stalled = false;
    const end = (): void => {
      stalled = true;
      killGroup(child);
    };
    const timer = setTimeout(end, this.#idleMs);
    const limit = options.isShort === true ? setTimeout(end, 2 * this.#idleMs) : undefined;
    child.stdout!.on('data', (chunk: Buffer) => {
      timer.refresh();
      if (options.onOutput) options.onOutput(chunk);
      else if ((size += chunk.length) <= MAX_OUTPUT) out.push(chunk);
      else killGroup(child);
    });
    child.stderr!.on('data', (chunk: Buffer) => {
      timer.refresh();
      complaint = (complaint + chunk.toString()).slice(-MAX_COMPLAINT);
    });
    child.stdin!.on('error', () => undefined);
    child.stdin!.end(options.input);
    try {
      const status = await new Promise<number>((resolve, reject) => {
        child.once('error', reject);
        child.once('close', (code) => resolve(code ?? 137));
      });
      options.signal?.throwIfAborted();
      if (stalled)
        throw new LadingError('deadline_exceeded', `git ${args[0]}: no answer for ${this.#idleMs / 1000} s, ended`, {
          hint: 'the server of the Git repository does not answer',
        });
      if (size > MAX_OUTPUT)
        throw new LadingError('resource_exhausted', `git ${args[0]}: more than ${MAX_OUTPUT} bytes`);
      return { status, stdout: Buffer.concat(out).toString('utf8'), complaint: cleaned(complaint) };
    } finally {
      clearTimeout(timer);
      clearTimeout(limit);
    }
  }

  #environment(options: GitRun): NodeJS.ProcessEnv {
    const { gitDir, workTree, indexFile, sshAgent, protocols = '', config = [] } = options;
    const settings = [...HARDENED, ...config];
    const given = {
      GIT_DIR: gitDir,
      GIT_WORK_TREE: workTree,
      GIT_INDEX_FILE: indexFile,
      SSH_AUTH_SOCK: sshAgent,
      ...Object.fromEntries(
        settings.flatMap(([key, value], i) => [
          [`GIT_CONFIG_KEY_${i}`, key],
          [`GIT_CONFIG_VALUE_${i}`, value],
        ]),
      ),
    };
    return {
      ...proxies(),
      ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
      PATH: process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
      HOME: '/nonexistent',
      LC_ALL: 'C',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_COUNT: String(settings.length),
      GIT_ATTR_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
      SSH_ASKPASS_REQUIRE: 'never',
      GIT_ALLOW_PROTOCOL: protocols,
      GIT_PROTOCOL_FROM_USER: '0',
      GIT_SSH_COMMAND: `ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile='${this.#knownHosts}' -o ConnectTimeout=30 -o ServerAliveInterval=15 -o ServerAliveCountMax=3`,
    };
  }
}

async function probe(): Promise<void> {
  const hint = 'install git, 2.31 or newer (Debian: apt-get install git)';
  let text: string;
  try {
    text = (await runCommand('git', ['--version'])).stdout;
  } catch (error) {
    if (!isLadingError(error, 'unavailable')) throw error;
    throw new LadingError('unavailable', 'Git sources need the program "git", which is not installed', {
      cause: error,
      hint,
    });
  }
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(text) ?? [];
  const [wantedMajor, wantedMinor] = MIN_VERSION;
  if (Number(major) < wantedMajor || (Number(major) === wantedMajor && Number(minor) < wantedMinor))
    throw new LadingError(
      'unavailable',
      `Git sources need git ${MIN_VERSION.join('.')} or newer: "${text.trim()}" is installed`,
      { hint },
    );
}

/** git starts helpers that do not notice its end. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}

function proxies(): NodeJS.ProcessEnv {
  const names = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]);
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/** The lines that say what went wrong, without progress. */
function cleaned(text: string): string {
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== '');
  const telling = lines.filter((line) => /^(?:fatal|error|remote|ssh|warning)\b/i.test(line) && !/\d+% \(/.test(line));
  // oxlint-disable-next-line no-control-regex
  return (telling.length > 0 ? telling : lines.slice(-2))
    .join('; ')
    .replace(/[\x00-\x1f\x7f]/g, ' ')
    .slice(-600);
}
