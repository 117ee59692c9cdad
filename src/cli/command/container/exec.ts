import { ANY, type Command, type Context, type Invocation } from '../../command.ts';
import { readEnvironment } from '../../container-options/env.ts';
import { runFailure, startFailureStatus } from '../../exit-status.ts';
import { bool, list, text } from '../../flags.ts';
import { consoleSize, followResize } from '../../terminal/resize.ts';
import { startSession } from '../../terminal/session.ts';
import { EXIT_ENGINE, EXIT_FAILURE, ExitError } from '../../usage-error.ts';

export const command: Command = {
  name: 'exec',
  summary: 'Execute a command in a running container',
  usage: '[OPTIONS] CONTAINER COMMAND [ARG...]',
  flags: [
    bool('detach', 'd', 'Detached mode: run command in the background'),
    text('detach-keys', '', 'Override the key sequence for detaching a container'),
    list('env', 'e', 'Set environment variables'),
    list('env-file', '', 'Read in a file of environment variables'),
    bool('interactive', 'i', 'Keep STDIN open even if not attached'),
    bool('privileged', '', 'Give extended privileges to the command'),
    bool('tty', 't', 'Allocate a pseudo-TTY'),
    text('user', 'u', 'Username or UID (format: "<name|uid>[:<group|gid>]")'),
    text('workdir', 'w', 'Working directory inside the container'),
  ],
  examples: ['lading exec -it web sh', 'lading exec -e DEBUG=1 web node check.js'],
  arity: [2, ANY],
  stopAtPositional: true,
  async run(invocation) {
    const { args, flags, context } = invocation;
    const { containers } = context.client;
    const tty = flags.bool('tty');
    if (tty && flags.bool('interactive') && !flags.bool('detach') && !context.stdin.isTTY)
      throw new ExitError(EXIT_FAILURE, 'the input device is not a TTY');
    const { Id: id } = await containers.execCreate(args[0] ?? '', execBody(invocation));
    if (flags.bool('detach')) {
      await containers.execStartDetached(id, { Tty: tty }).catch(failure);
      return 0;
    }
    return attachExec(id, invocation);
  },
};

function execBody({ args, flags, context }: Invocation): Record<string, unknown> {
  const attach = !flags.bool('detach');
  const size = flags.bool('tty') ? consoleSize(context) : undefined;
  return {
    Cmd: args.slice(1),
    AttachStdin: attach && flags.bool('interactive'),
    AttachStdout: attach,
    AttachStderr: attach,
    Tty: flags.bool('tty'),
    Privileged: flags.bool('privileged'),
    User: flags.text('user') ?? '',
    WorkingDir: flags.text('workdir') ?? '',
    Env: readEnvironment(flags.list('env-file'), flags.list('env'), context.env),
    DetachKeys: flags.text('detach-keys') ?? '',
    ...(size === undefined ? {} : { ConsoleSize: size }),
  };
}

async function attachExec(id: string, { flags, context }: Invocation): Promise<number> {
  const { containers } = context.client;
  const tty = flags.bool('tty');
  const size = tty ? consoleSize(context) : undefined;
  const socket = await containers
    .execAttach(id, { Tty: tty, ...(size === undefined ? {} : { ConsoleSize: size }) })
    .catch(failure);
  const session = startSession(context, socket, {
    tty,
    stdin: flags.bool('interactive'),
    detachKeys: flags.text('detach-keys'),
  });
  const stopResize = resizing(tty, id, context);
  try {
    if ((await session.ended) === 'detached') return 0;
  } finally {
    stopResize();
    session.close();
  }
  return (await containers.execInspect(id)).ExitCode ?? EXIT_ENGINE;
}

function resizing(tty: boolean, id: string, context: Context): () => void {
  if (!tty) return () => undefined;
  return followResize(context, (size) => context.client.containers.execResize(id, size));
}

/** A command that cannot be started ends with 126 or 127, other failures of the engine with 1. */
function failure(error: unknown): never {
  const status = startFailureStatus(error);
  throw runFailure(error, status === EXIT_ENGINE ? EXIT_FAILURE : status, 'exec');
}
