import { LadingError } from '../../../errors/index.ts';
import type { Command } from '../../command.ts';

export const command: Command = {
  name: 'port',
  summary: 'List port mappings or a specific mapping for the container',
  usage: 'CONTAINER [PRIVATE_PORT[/PROTO]]',
  flags: [],
  arity: [1, 2],
  async run({ args: [container = '', wanted], context }) {
    const { Ports } = (await context.client.containers.inspect(container)).NetworkSettings;
    const side = ({ HostIp, HostPort }: { HostIp: string; HostPort: string }): string =>
      `${HostIp.includes(':') ? `[${HostIp}]` : HostIp}:${HostPort}`;
    if (wanted === undefined) {
      const lines = Object.entries(Ports)
        .sort(([a], [b]) => Number.parseInt(a) - Number.parseInt(b))
        .flatMap(([port, sides]) => (sides ?? []).map((one) => `${port} -> ${side(one)}\n`));
      context.stdout.write(lines.join(''));
      return;
    }
    const sides = Ports[wanted.includes('/') ? wanted : `${wanted}/tcp`] ?? [];
    if (sides.length === 0)
      throw new LadingError('not_found', `Error: No public port '${wanted}' published for ${container}`);
    context.stdout.write(sides.map((one) => `${side(one)}\n`).join(''));
  },
};
