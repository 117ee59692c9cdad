import { Demultiplexer } from '../../../client/index.ts';
import type { Command } from '../../command.ts';
import { bool, text } from '../../flags.ts';
import { parseTime } from '../../time.ts';

export const command: Command = {
  name: 'logs',
  summary: 'Fetch the logs of a container',
  usage: '[OPTIONS] CONTAINER',
  flags: [
    bool('details', '', 'Show extra details provided to logs'),
    bool('follow', 'f', 'Follow log output'),
    text('since', '', 'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m")'),
    text('tail', 'n', 'Number of lines to show from the end of the logs (default "all")'),
    bool('timestamps', 't', 'Show timestamps'),
    text('until', '', 'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m")'),
  ],
  arity: [1, 1],
  async run({ args: [name = ''], flags, context }) {
    const { containers } = context.client;
    const { Id, Config } = await containers.inspect(name);
    const stream = await containers.logs(Id, {
      stdout: true,
      stderr: true,
      follow: flags.bool('follow'),
      timestamps: flags.bool('timestamps'),
      details: flags.bool('details'),
      tail: flags.text('tail') ?? 'all',
      since: parseTime(flags.text('since')),
      until: parseTime(flags.text('until')),
    });
    const demultiplexer = new Demultiplexer((which, payload) => {
      (which === 'stderr' ? context.stderr : context.stdout).write(payload);
    });
    for await (const chunk of stream as AsyncIterable<Buffer>)
      if (Config.Tty) context.stdout.write(chunk);
      else demultiplexer.write(chunk);
  },
};
