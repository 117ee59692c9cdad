import { ANY, type Command } from '../../command.ts';
import { CONTAINER_FLAGS } from '../../container-options/flags.ts';
import { createContainer } from '../../create-container.ts';
import { runFailure } from '../../exit-status.ts';
import { EXIT_FAILURE } from '../../usage-error.ts';

export const command: Command = {
  name: 'create',
  summary: 'Create a new container',
  usage: '[OPTIONS] IMAGE [COMMAND] [ARG...]',
  flags: CONTAINER_FLAGS,
  examples: ['lading create --name job -v data:/data debian:bookworm /data/job.sh'],
  arity: [1, ANY],
  stopAtPositional: true,
  async run(invocation) {
    const id = await createContainer(invocation).catch((error: unknown) => {
      throw runFailure(error, EXIT_FAILURE, 'create');
    });
    invocation.context.stdout.write(`${id}\n`);
  },
};
