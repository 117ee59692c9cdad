import { ANY, type Command } from '../../command.ts';
import { resources, restartPolicy } from '../../container-options/create-body.ts';
import { CONTAINER_FLAGS } from '../../container-options/flags.ts';
import { forEachName } from '../../each.ts';

const NAMES = new Set([
  'blkio-weight',
  'cpu-period',
  'cpu-quota',
  'cpu-shares',
  'cpus',
  'cpuset-cpus',
  'cpuset-mems',
  'memory',
  'memory-reservation',
  'memory-swap',
  'pids-limit',
  'restart',
]);

export const command: Command = {
  name: 'update',
  summary: 'Update configuration of one or more containers',
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  flags: CONTAINER_FLAGS.filter((flag) => NAMES.has(flag.name)),
  arity: [1, ANY],
  run({ args, flags, context }) {
    const body = { ...resources(flags), ...(flags.has('restart') ? { RestartPolicy: restartPolicy(flags) } : {}) };
    return forEachName(context, args, async (name) => {
      const { Warnings } = await context.client.containers.update(name, body);
      for (const warning of Warnings ?? []) context.stderr.write(`WARNING: ${warning}\n`);
    });
  },
};
