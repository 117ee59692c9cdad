import { Client } from '../client/index.ts';
import type { Context } from './command.ts';
import { defaultSocket, namedHost } from './default-host.ts';

export interface GlobalOptions {
  readonly host: string | undefined;
  readonly configDir: string | undefined;
}

/** The real world of a command. Only the default daemon is started on demand; a named host must be up. */
export function createContext(options: GlobalOptions): Context {
  const { env } = process;
  let client: Client | undefined;
  return {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env,
    configDir: options.configDir,
    get client() {
      client ??= connect(options.host, env);
      return client;
    },
  };
}

function connect(host: string | undefined, env: Context['env']): Client {
  const named = namedHost(host, env);
  const apiVersion = env['LADING_API_VERSION'];
  if (named !== undefined) return new Client({ host: named, apiVersion });
  const socket = defaultSocket(env);
  const onUnreachable = async (): Promise<void> => (await import('./daemon/autostart.ts')).startDaemon(socket);
  return new Client({ host: `unix://${socket}`, apiVersion, onUnreachable });
}
