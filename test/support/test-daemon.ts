import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export interface CommandOutcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const ROOT = resolve(import.meta.dirname, '../..');
const START_TIMEOUT_MS = 15_000;
const COMMAND_TIMEOUT_MS = 180_000;

/** Why tests with a real daemon cannot run here, or undefined. */
export function daemonSkipReason(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  for (const program of ['conmon', 'nft', 'busybox'])
    if (!['/usr/bin', '/usr/sbin', '/bin', '/sbin'].some((folder) => existsSync(join(folder, program))))
      return `needs ${program}`;
  if (!existsSync(join(ROOT, 'dist/ladingd.js'))) return 'needs npm run build';
  return undefined;
}

/** A daemon of its own store, sockets, bridge and firewall table; `remove` leaves nothing of it on the machine. */
export class TestDaemon implements AsyncDisposable {
  readonly dir: string;
  readonly dataRoot: string;
  readonly host: string;
  readonly #execRoot: string;
  readonly #flags: readonly string[];
  #process: ChildProcess | undefined;

  private constructor(dir: string, dataRoot: string, flags: readonly string[]) {
    this.dir = dir;
    this.dataRoot = dataRoot;
    this.#execRoot = join(dir, 'run');
    this.#flags = flags;
    this.host = `unix://${join(this.#execRoot, 'lading.sock')}`;
  }

  static async start(options: { dataRoot?: string; flags?: readonly string[] } = {}): Promise<TestDaemon> {
    const dir = mkdtempSync('/var/tmp/lading-test-');
    const daemon = new TestDaemon(dir, options.dataRoot ?? join(dir, 'data'), options.flags ?? []);
    await daemon.up();
    return daemon;
  }

  /** Starts (again) on the same store. */
  async up(): Promise<void> {
    mkdirSync(this.#execRoot, { recursive: true });
    const args = ['--host', this.host, '--data-root', this.dataRoot, '--exec-root', this.#execRoot, ...this.#flags];
    const log = join(this.dir, 'ladingd.log');
    const child = spawn('sh', ['-c', 'exec "$0" "$@" >>"$LOG" 2>&1', join(ROOT, 'bin/ladingd'), ...args], {
      env: { ...process.env, LOG: log },
      stdio: 'ignore',
    });
    this.#process = child;
    const end = performance.now() + START_TIMEOUT_MS;
    while ((await this.ping()) !== true) {
      if (child.exitCode !== null || performance.now() > end) throw new Error(`ladingd did not start:\n${this.log()}`);
      await sleep(30);
    }
  }

  async ping(): Promise<boolean> {
    const result = spawnSync(
      'curl',
      ['-sf', '--max-time', '2', '--unix-socket', this.host.slice('unix://'.length), 'http://lading/_ping'],
      { encoding: 'utf8' },
    );
    return result.status === 0 && result.stdout.trim() === 'OK';
  }

  get pid(): number {
    return this.#process?.pid ?? 0;
  }

  log(): string {
    const path = join(this.dir, 'ladingd.log');
    return existsSync(path) ? readFileSync(path, 'utf8') : '';
  }

  /** The command line of this checkout against this daemon. */
  lading(
    args: readonly string[],
    options: { input?: string; env?: Record<string, string>; cwd?: string } = {},
  ): CommandOutcome {
    return run(join(ROOT, 'bin/lading'), args, { ...options, env: { ...options.env, LADING_HOST: this.host } });
  }

  /** As {@link lading}, failing the test unless it succeeds. Returns standard output. */
  ok(...args: string[]): string {
    return expectSuccess('lading', args, this.lading(args));
  }

  /** The stock docker command line against this daemon. */
  docker(args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}): CommandOutcome {
    return run('docker', args, {
      ...options,
      env: { ...options.env, DOCKER_HOST: this.host, DOCKER_CONFIG: join(this.dir, 'docker-config') },
    });
  }

  dockerOk(...args: string[]): string {
    return expectSuccess('docker', args, this.docker(args));
  }

  /** A lading command that goes on in the background. */
  spawnLading(args: readonly string[]): ChildProcess {
    return spawn(join(ROOT, 'bin/lading'), args, {
      env: { ...process.env, LADING_HOST: this.host },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
  }

  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  /** Mount points of this daemon. */
  mounts(): string[] {
    return readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => line.split(' ')[1] ?? '')
      .filter((target) => target.startsWith(this.dir) || target.startsWith(this.dataRoot));
  }

  /** Removes every container, stops the daemon and deletes its folders. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process?.exitCode !== null || this.#process.signalCode !== null) await this.up().catch(() => undefined);
    const ids = this.lading(['ps', '-aq']).stdout.split(/\s+/).filter(Boolean);
    if (ids.length > 0) this.lading(['rm', '-f', ...ids]);
    for (const name of this.lading(['network', 'ls', '--format', '{{.Name}}']).stdout.split(/\s+/).filter(Boolean))
      if (!['bridge', 'host', 'none'].includes(name)) this.lading(['network', 'rm', name]);
    await this.stop();
    for (const target of this.mounts().toReversed()) spawnSync('umount', ['-l', target]);
    rmSync(this.dir, { recursive: true, force: true });
  }
}

function run(
  program: string,
  args: readonly string[],
  options: { input?: string; env?: Record<string, string>; cwd?: string },
): CommandOutcome {
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: COMMAND_TIMEOUT_MS,
    maxBuffer: 1 << 26,
    input: options.input ?? '',
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  if (result.error) throw result.error;
  return { status: result.status ?? 128, stdout: result.stdout, stderr: result.stderr };
}

function expectSuccess(program: string, args: readonly string[], outcome: CommandOutcome): string {
  if (outcome.status === 0) return outcome.stdout;
  throw new Error(`${program} ${args.join(' ')}: status ${outcome.status}\n${outcome.stdout}${outcome.stderr}`);
}
