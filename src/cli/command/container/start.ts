import { ANY, type Command, type Context } from '../../command.ts';
import { forEachName } from '../../each.ts';
import { bool, text, type FlagValues } from '../../flags.ts';
import { followResize } from '../../terminal/resize.ts';
import { startSession } from '../../terminal/session.ts';
import { forwardSignals } from '../../terminal/signals.ts';
import { EXIT_FAILURE, ExitError } from '../../usage-error.ts';
import { untilChanged } from '../../until-changed.ts';

export const command: Command = {
  name: 'start',
  summary: 'Start one or more stopped containers',
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: [
    bool('attach', 'a', 'Attach STDOUT/STDERR and forward signals'),
    bool('interactive', 'i', "Attach container's STDIN"),
    text('detach-keys', '', 'Override the key sequence for detaching a container'),
  ],
  arity: [1, ANY],
  async run({ args, flags, context }) {
    if (!flags.bool('attach') && !flags.bool('interactive'))
      return forEachName(context, args, (name) => untilChanged(context.client.containers.act(name, 'start')));
    if (args.length > 1) throw new ExitError(EXIT_FAILURE, 'you cannot start and attach multiple containers at once');
    return startAttached(args[0] ?? '', flags, context);
  },
};

async function startAttached(name: string, flags: FlagValues, context: Context): Promise<number> {
  const { containers } = context.client;
  const { Id: id, Config, HostConfig } = await containers.inspect(name);
  const stdin = flags.bool('interactive') && Config.OpenStdin;
  const detachKeys = flags.text('detach-keys');
  const [socket, { exit }] = await Promise.all([
    containers.attach(id, { stream: true, stdin, stdout: true, stderr: true, detachKeys }),
    containers.wait(id, HostConfig.AutoRemove ? 'removed' : 'next-exit'),
  ]);
  const stopProxy = Config.Tty
    ? (): undefined => undefined
    : forwardSignals((signal) => containers.act(id, 'kill', { signal }));
  const session = startSession(context, socket, { tty: Config.Tty, stdin, detachKeys });
  let stopResize = (): void => undefined;
  try {
    await containers.act(id, 'start');
    if (Config.Tty) stopResize = followResize(context, (size) => containers.act(id, 'resize', size));
    if ((await session.ended) === 'detached') return 0;
    return (await exit).StatusCode;
  } finally {
    stopProxy();
    stopResize();
    session.close();
  }
}
