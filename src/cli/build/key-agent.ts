import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LadingError, errnoOf } from '../../errors/index.ts';

export interface KeyAgent extends AsyncDisposable {
  readonly socket: string;
}

/** Runs beside the agent and ends it, however this process ends: then its standard input is closed. */
const KEEPER = `trap '' INT HUP TERM QUIT; echo ready; cat >/dev/null; kill "$SSH_AGENT_PID"; rm -rf "$1"`;

/** Starts an agent of our own that holds these keys. ssh-add asks for a passphrase on the terminal. @throws unavailable, invalid_argument */
export async function startKeyAgent(keys: readonly string[]): Promise<KeyAgent> {
  const folder = await mkdtemp(join(tmpdir(), 'lading-ssh-'));
  const socket = join(folder, 'agent');
  const keeper = spawn('ssh-agent', ['-a', socket, 'sh', '-c', KEEPER, 'keeper', folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const stop = async (): Promise<void> => {
    if (keeper.exitCode === null && keeper.pid !== undefined) {
      keeper.stdin?.end();
      await once(keeper, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await started(keeper, 'ssh-agent');
    const add = spawn('ssh-add', ['-q', ...keys], {
      env: { ...process.env, SSH_AUTH_SOCK: socket },
      stdio: ['inherit', 'ignore', 'inherit'],
    });
    await spawned(add, 'ssh-add');
    const [status] = (await once(add, 'exit')) as [number | null];
    if (status !== 0)
      throw new LadingError('invalid_argument', `--ssh: ssh-add did not take the key "${keys.join('", "')}"`);
    return { socket, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Until the keeper says that its agent listens. */
async function started(keeper: ChildProcess, program: string): Promise<void> {
  const first = once(keeper.stdout!, 'data');
  const gone = new AbortController();
  const exited = once(keeper, 'exit', { signal: gone.signal }).then(() => {
    throw new LadingError('unavailable', `--ssh: ${program} could not be started`);
  });
  exited.catch(() => undefined);
  first.catch(() => undefined);
  await spawned(keeper, program);
  await Promise.race([first, exited]);
  gone.abort();
}

async function spawned(child: ChildProcess, program: string): Promise<void> {
  try {
    if (child.pid === undefined) await once(child, 'spawn');
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    throw new LadingError('unavailable', `--ssh with keys needs ${program}, which is not installed`, {
      cause: error,
      hint: 'install openssh-client, or give the socket of an agent that runs',
    });
  }
}
