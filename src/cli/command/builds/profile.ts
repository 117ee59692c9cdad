import { extname } from 'node:path';
import { LadingError } from '../../../errors/index.ts';
import { profileOf } from '../../build/profile/profile.ts';
import type { Command } from '../../command.ts';
import { text } from '../../flags.ts';
import { writeSmallFile } from '../../output-file.ts';
import { UsageError } from '../../usage-error.ts';

const FORMATS = ['text', 'json', 'svg', 'html'] as const;
type Format = (typeof FORMATS)[number];

export const command: Command = {
  name: 'builds profile',
  summary: 'Draw where a build’s time and bytes went',
  usage: '[OPTIONS] BUILD',
  flags: [
    text('output', 'o', 'Write to a file; its ending tells the format: .html, .svg, .json or .txt'),
    text('format', '', 'Format: "text" (default), "json", "svg", "html"'),
    text('compare', '', 'Build to compare with (default: the one of the same name before it)'),
  ],
  examples: ['lading build profile latest', 'lading build profile my/app -o profile.html'],
  arity: [1, 1],
  async run({ args: [build = ''], flags, context }) {
    const { client, stdout } = context;
    const output = flags.text('output');
    const format = formatOf(flags.text('format'), output);
    const { record, previous } = await client.builds.get(build);
    if (record.status === 'running')
      throw new LadingError('conflict', `profile build ${record.id}: it is still running`);
    const other = flags.text('compare');
    const profile = profileOf(record, other === undefined ? previous : (await client.builds.get(other)).record);
    const { renderProfile } = await import('../../build/profile/render.ts');
    const rendered = renderProfile(profile, format);
    if (output === undefined || output === '-') stdout.write(rendered);
    else writeSmallFile(output, rendered, 'the profile');
  },
};

function formatOf(asked: string | undefined, output: string | undefined): Format {
  const ending = output === undefined ? '' : extname(output).slice(1).replace('txt', 'text');
  const wanted = asked ?? (ending === '' ? 'text' : ending);
  const format = FORMATS.find((known) => known === wanted);
  if (format !== undefined) return format;
  throw new UsageError(`invalid format "${wanted}" of a profile: one of ${FORMATS.join(', ')} is wanted`);
}
