import type { Socket } from 'node:net';
import type { WaitResult } from '../../../client/index.ts';
import { ANY, type Command, type Context, type Invocation } from '../../command.ts';
import { CONTAINER_FLAGS } from '../../container-options/flags.ts';
import { attached } from '../../container-options/create-body.ts';
import { createContainer } from '../../create-container.ts';
import { runFailure, startFailureStatus } from '../../exit-status.ts';
import { bool, text, type FlagValues } from '../../flags.ts';
import { startSession } from '../../terminal/session.ts';
import { followResize } from '../../terminal/resize.ts';
import { forwardSignals } from '../../terminal/signals.ts';
import { EXIT_ENGINE, EXIT_FAILURE, ExitError, UsageError } from '../../usage-error.ts';

const REMOVAL_WAIT_MS = 10_000;

export const command: Command = {
  name: 'run',
  summary: 'Create and run a new container from an image',
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  flags: [
    ...CONTAINER_FLAGS,
    bool('detach', 'd', 'Run container in background and print container ID'),
    text('detach-keys', '', 'Override the key sequence for detaching a container'),
    bool('sig-proxy', '', 'Proxy received signals to the process (default true)'),
  ],
  examples: [
    'lading run --rm -it debian:bookworm',
    'lading run -d --name web -p 8080:80 nginx',
    'lading run --rm -v "$PWD:/src" -w /src node:22 npm test',
  ],
  arity: [1, ANY],
  stopAtPositional: true,
  async run(invocation) {
    const { flags, context } = invocation;
    checkFlags(flags, context);
    const id = await createContainer(invocation).catch((error: unknown) => {
      throw runFailure(error, EXIT_ENGINE);
    });
    const streams = attached(flags);
    if (streams.stdin || streams.stdout || streams.stderr) return runAttached(id, invocation);
    await context.client.containers.act(id, 'start').catch((error: unknown) => {
      throw runFailure(error, startFailureStatus(error));
    });
    context.stdout.write(`${id}\n`);
    return 0;
  },
};

function checkFlags(flags: FlagValues, context: Context): void {
  if (flags.bool('detach') && flags.has('attach'))
    throw new UsageError('conflicting options: cannot specify both --attach and --detach');
  if (flags.bool('tty') && attached(flags).stdin && !context.stdin.isTTY)
    throw new ExitError(EXIT_FAILURE, 'the input device is not a TTY');
}

/** Attaches and waits before the start, so that neither output nor exit is missed. */
async function runAttached(id: string, { flags, context }: Invocation): Promise<number> {
  const { containers } = context.client;
  const streams = attached(flags);
  const detachKeys = flags.text('detach-keys');
  const [socket, { exit }] = await Promise.all([
    containers.attach(id, { stream: true, ...streams, detachKeys }),
    containers.wait(id, flags.bool('rm') ? 'removed' : 'next-exit'),
  ]).catch((error: unknown) => {
    throw runFailure(error, EXIT_ENGINE);
  });
  const proxied = !flags.has('sig-proxy') || flags.bool('sig-proxy');
  const stopProxy = proxied
    ? forwardSignals((signal) => containers.act(id, 'kill', { signal }))
    : (): undefined => undefined;
  const session = startSession(context, socket, { tty: flags.bool('tty'), stdin: streams.stdin, detachKeys });
  let stopResize = (): void => undefined;
  try {
    await startOrFail(id, context, socket, flags.bool('rm') ? exit : undefined);
    if (flags.bool('tty')) stopResize = followResize(context, (size) => containers.act(id, 'resize', size));
    if ((await session.ended) === 'detached') return 0;
    return statusOf(await exit);
  } finally {
    stopProxy();
    stopResize();
    session.close();
  }
}

async function startOrFail(
  id: string,
  context: Context,
  socket: Socket,
  removal: Promise<WaitResult> | undefined,
): Promise<void> {
  try {
    await context.client.containers.act(id, 'start');
  } catch (error) {
    socket.destroy();
    // The daemon removes a --rm container that did not start; the next command may want its name.
    const patience = new Promise((resolve) => setTimeout(resolve, REMOVAL_WAIT_MS));
    if (removal !== undefined) await Promise.race([removal.catch(() => undefined), patience]);
    throw runFailure(error, startFailureStatus(error));
  }
}

function statusOf(result: WaitResult): number {
  const problem = result.Error?.Message;
  if (problem !== undefined && problem !== '') throw new ExitError(EXIT_ENGINE, `lading: ${problem}`);
  return result.StatusCode;
}
