import { resolve } from 'node:path';
import type { BuildEvent, RebuildVerdict } from '../../../client/index.ts';
import { LadingError } from '../../../errors/index.ts';
import { secretsOf } from '../../build/secrets.ts';
import type { Command, Invocation } from '../../command.ts';
import { bool, list, text } from '../../flags.ts';
import type { BuildDisplay } from '../../progress/build-display.ts';
import { EXIT_FAILURE, ExitError, UsageError } from '../../usage-error.ts';
import { allCredentials } from '../../credentials.ts';
import { displayFor } from './build.ts';

export const command: Command = {
  name: 'rebuild',
  summary: 'Build an image again from its provenance and compare the two',
  usage: '--verify [OPTIONS] IMAGE',
  flags: [
    bool('verify', '', 'Say whether the rebuild is identical, or name the first file that differs'),
    text('context', '', 'Folder it was built from (default: where it was, when it was built on this machine)'),
    list('build-arg', '', 'Set a build-time variable that the provenance does not tell'),
    list('secret', '', 'Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")'),
    bool('ignore-times', '', 'Compare all but modification times'),
    text('progress', '', 'Set type of progress output ("auto", "none", "plain", "quiet", "rawjson", "tty")'),
    bool('quiet', 'q', 'Suppress the build output'),
    text('format', '', 'Format output: "json"'),
  ],
  examples: ['lading rebuild --verify my/app:1', 'lading rebuild --verify --context . my/app:1'],
  arity: [1, 1],
  async run(invocation) {
    const { flags, context } = invocation;
    if (!flags.bool('verify'))
      throw new UsageError('rebuild: --verify is wanted: a rebuild is compared, it makes no image');
    const format = flags.text('format');
    if (format !== undefined && format !== 'json') throw new UsageError(`invalid format "${format}": json is wanted`);
    const verdict = await verify(invocation);
    context.stdout.write(format === 'json' ? `${JSON.stringify(verdict, undefined, 2)}\n` : describe(verdict));
    return verdict.identical ? 0 : EXIT_FAILURE;
  },
};

async function verify({ args: [image = ''], flags, context }: Invocation): Promise<RebuildVerdict> {
  const quiet = flags.bool('quiet') || flags.text('progress') === 'quiet';
  const display = await displayFor(flags, context, quiet);
  const folder = flags.text('context');
  const credentials = await allCredentials(context);
  const events = context.client.images.rebuild(image, {
    buildArgs: argsOf(flags.list('build-arg'), context.env),
    secrets: secretsOf(flags.list('secret'), context.env),
    ignoreTimes: flags.bool('ignore-times'),
    ...(folder === undefined ? {} : { folder: resolve(folder) }),
    ...(credentials === undefined ? {} : { credentials }),
  });
  return shown(events, display);
}

async function shown(
  events: AsyncIterable<BuildEvent | RebuildVerdict>,
  display: BuildDisplay,
): Promise<RebuildVerdict> {
  let verdict: RebuildVerdict | undefined;
  try {
    for await (const event of events) {
      if (event.kind === 'error')
        throw new ExitError(EXIT_FAILURE, `ERROR: ${event.message}${event.hint ? `\nhint: ${event.hint}` : ''}`);
      if (event.kind === 'verdict') verdict = event;
      else display.show(event);
    }
  } finally {
    display.finish(verdict === undefined);
  }
  if (verdict) return verdict;
  throw new LadingError('internal', 'rebuild: the daemon ended the connection without a verdict');
}

function argsOf(words: readonly string[], env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const pairs = words.map((word) => {
    const at = word.indexOf('=');
    return at < 0 ? ([word, env[word]] as const) : ([word.slice(0, at), word.slice(at + 1)] as const);
  });
  return Object.fromEntries(pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined));
}

/** "identical: sha256:…", or the difference and where it is from. */
export function describe({ identical, imageId, file, config, dated, ignoredTimes }: RebuildVerdict): string {
  if (identical) return `identical${ignoredTimes ? ' but for times' : ''}: ${imageId}\n`;
  const lines: string[] = [];
  if (file) {
    const { path, aspect, before, after, layer, layers, instruction, line } = file;
    const values =
      before !== undefined && after !== undefined
        ? `: ${before || 'none'} in the image, ${after || 'none'} in the rebuild`
        : ` (${before ?? after ?? ''})`;
    const from = line === undefined ? instruction : `line ${line}: ${instruction}`;
    lines.push(`differs: ${path}: ${aspect}${values}`, `  layer ${layer} of ${layers}, ${from}`);
  } else if (config)
    lines.push(`differs: config: ${config.field}: ${config.before} in the image, ${config.after} in the rebuild`);
  const isTime = file ? file.aspect === 'time' : config?.field.endsWith('created');
  if (isTime && !dated)
    lines.push(
      '  The image was built without SOURCE_DATE_EPOCH: times of what it made come from the clock.',
      '  Build it with one, or compare with --ignore-times.',
    );
  return `${lines.join('\n')}\n`;
}
