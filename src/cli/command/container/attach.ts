import type { Command } from '../../command.ts';
import { bool, text } from '../../flags.ts';
import { followResize } from '../../terminal/resize.ts';
import { startSession } from '../../terminal/session.ts';
import { forwardSignals } from '../../terminal/signals.ts';
import { EXIT_FAILURE, ExitError } from '../../usage-error.ts';

export const command: Command = {
  name: 'attach',
  summary: 'Attach local standard input, output, and error streams to a running container',
  usage: '[OPTIONS] CONTAINER',
  flags: [
    text('detach-keys', '', 'Override the key sequence for detaching a container'),
    bool('no-stdin', '', 'Do not attach STDIN'),
    bool('sig-proxy', '', 'Proxy all received signals to the process (default true)'),
  ],
  arity: [1, 1],
  async run({ args: [name = ''], flags, context }) {
    const { containers } = context.client;
    const { Id: id, Config, State } = await containers.inspect(name);
    if (!State.Running) throw new ExitError(EXIT_FAILURE, 'You cannot attach to a stopped container, start it first');
    if (State.Paused) throw new ExitError(EXIT_FAILURE, 'You cannot attach to a paused container, unpause it first');
    const stdin = !flags.bool('no-stdin') && Config.OpenStdin;
    if (stdin && Config.Tty && !context.stdin.isTTY) throw new ExitError(EXIT_FAILURE, 'the input device is not a TTY');
    const detachKeys = flags.text('detach-keys');
    const [socket, { exit }] = await Promise.all([
      containers.attach(id, { stream: true, stdin, stdout: true, stderr: true, detachKeys }),
      containers.wait(id, 'not-running'),
    ]);
    const proxied = !Config.Tty && (!flags.has('sig-proxy') || flags.bool('sig-proxy'));
    const stopProxy = proxied
      ? forwardSignals((signal) => containers.act(id, 'kill', { signal }))
      : (): undefined => undefined;
    const session = startSession(context, socket, { tty: Config.Tty, stdin, detachKeys });
    const stopResize = Config.Tty
      ? followResize(context, (size) => containers.act(id, 'resize', size))
      : (): undefined => undefined;
    try {
      if ((await session.ended) === 'detached') throw new ExitError(EXIT_FAILURE, 'read escape sequence');
      return (await exit).StatusCode;
    } finally {
      stopProxy();
      stopResize();
      session.close();
    }
  },
};
