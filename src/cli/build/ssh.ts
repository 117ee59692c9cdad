import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { LadingError, reasonOf } from '../../errors/index.ts';
import { UsageError } from '../usage-error.ts';

/** Agents of a build by id. */
export interface SshAgents extends AsyncDisposable {
  /** Paths of sockets. */
  readonly sockets: Readonly<Record<string, string>>;
}

/**
 * `--ssh default|id[=socket|key[,key…]]`: an agent that runs is used as it is, for keys one is started that ends with the returned object, or with
 * this process.
 * @throws {UsageError}; unavailable when there is no ssh-agent to start
 */
export async function openSshAgents(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<SshAgents> {
  const sockets: Record<string, string> = {};
  const started: AsyncDisposable[] = [];
  const close = async (): Promise<void> => {
    for (const agent of started) await agent[Symbol.asyncDispose]();
  };
  try {
    for (const word of words) {
      const at = word.indexOf('=');
      const id = at < 0 ? word : word.slice(0, at);
      if (id in sockets) throw new UsageError(`duplicate agent ID "${id}" for --ssh`);
      const paths = at < 0 ? [] : word.slice(at + 1).split(',');
      if (paths.length === 0 || (paths.length === 1 && paths[0] === '')) sockets[id] = runningAgent(id, env);
      else if (isSocket(id, paths)) sockets[id] = resolve(paths[0] ?? '');
      else {
        const { startKeyAgent } = await import('./key-agent.ts');
        const agent = await startKeyAgent(paths);
        started.push(agent);
        sockets[id] = agent.socket;
      }
    }
    return { sockets, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

function runningAgent(id: string, env: Readonly<Record<string, string | undefined>>): string {
  const socket = env['SSH_AUTH_SOCK'];
  if (socket !== undefined && socket !== '') return resolve(socket);
  throw new LadingError('invalid_argument', `--ssh ${id}: invalid empty ssh agent socket: SSH_AUTH_SOCK is not set`, {
    hint: `start an agent (eval $(ssh-agent); ssh-add), or give keys with --ssh ${id}=KEYFILE`,
  });
}

/** One socket, or keys, never both. */
function isSocket(id: string, paths: readonly string[]): boolean {
  const kinds = paths.map((path) => {
    try {
      return statSync(path).isSocket();
    } catch (error) {
      throw new LadingError('not_found', `--ssh ${id}: cannot read "${path}": ${reasonOf(error)}`, { cause: error });
    }
  });
  if (!kinds.includes(true)) return false;
  if (kinds.includes(false)) throw new UsageError(`--ssh ${id}: invalid combination of keys and sockets`);
  if (kinds.length > 1) throw new UsageError(`--ssh ${id}: only single socket allowed`);
  return true;
}
