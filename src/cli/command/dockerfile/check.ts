import { checkAnswer, lintDockerfile, parseDockerfile, predefinedArgs } from '../../../dockerfile/index.ts';
import { DockerfileError } from '../../../dockerfile/index.ts';
import { hostPlatform } from '../../../oci/index.ts';
import type { Command } from '../../command.ts';
import { readDockerfile } from '../../dockerfile/dockerfile-source.ts';
import { text } from '../../flags.ts';
import { UsageError } from '../../usage-error.ts';

export const command: Command = {
  name: 'dockerfile check',
  summary: 'Run the build checks on a Dockerfile, without a daemon',
  usage: '[OPTIONS] [FILE|-]',
  flags: [text('format', '', 'Format of the answer ("text", "json")')],
  examples: ['lading dockerfile check', 'lading dockerfile check --format json docker/app.Dockerfile'],
  arity: [0, 1],
  async run({ args: [file], flags, context }) {
    const format = flags.text('format') ?? 'text';
    if (format !== 'text' && format !== 'json')
      throw new UsageError(`invalid argument "${format}" for "--format" flag: text or json is wanted`);
    const source = await readDockerfile(context, file);
    const answer = check(source.name, source.text);
    context.stdout.write(format === 'json' ? `${JSON.stringify(answer.json, undefined, 2)}\n` : answer.text);
    return answer.failed ? 1 : 0;
  },
};

/** Base images and the ignore file are not known here: `build --check` knows more. */
function check(filename: string, source: string) {
  const host = hostPlatform();
  const predefined = predefinedArgs({ build: host, target: host, targetStage: 'default' });
  try {
    const dockerfile = parseDockerfile(source, { filename });
    return checkAnswer(dockerfile, lintDockerfile(dockerfile, { predefined, given: new Map(), target: host }));
  } catch (error) {
    if (!(error instanceof DockerfileError)) throw error;
    const { message, hint, location } = error;
    return checkAnswer({ filename, source }, [], {
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(location ? { location } : {}),
    });
  }
}
