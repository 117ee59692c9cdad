import { LadingError } from '../../../errors/index.ts';
import { ANY, type Command, type Context } from '../../command.ts';
import { bool, text } from '../../flags.ts';
import { firstOf, inspectObjects } from '../../inspect-objects.ts';
import { EXIT_FAILURE, UsageError } from '../../usage-error.ts';

export const command: Command = {
  name: 'inspect',
  summary: 'Return low-level information on objects',
  usage: '[OPTIONS] NAME|ID [NAME|ID...]',
  flags: [
    text('format', 'f', 'Format output using a Go template'),
    bool('size', 's', 'Display total file sizes if the type is container'),
    text('type', '', 'Only inspect objects of the given type (container, image, network, volume)'),
  ],
  examples: ["lading inspect -f '{{.State.Status}}' web"],
  arity: [1, ANY],
  run({ args, flags, context }) {
    const lookups = lookupsOf(context, flags.bool('size'));
    const type = flags.text('type');
    const only = type !== undefined && Object.hasOwn(lookups, type) ? lookups[type] : undefined;
    if (type !== undefined && type !== '' && only === undefined)
      throw new UsageError(`"${type}" is not a valid value for --type`, EXIT_FAILURE);
    const lookup =
      only ?? firstOf(Object.values(lookups), (name) => new LadingError('not_found', `Error: No such object: ${name}`));
    return inspectObjects(context, args, lookup, flags.text('format'));
  },
};

function lookupsOf({ client }: Context, size: boolean): Record<string, (name: string) => Promise<unknown>> {
  return {
    container: (name) => client.containers.inspect(name, { size }),
    image: (name) => client.images.inspect(name),
    network: (name) => client.networks.inspect(name),
    volume: (name) => client.volumes.inspect(name),
  };
}
