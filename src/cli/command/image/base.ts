import { PassThrough } from 'node:stream';
import { familiarReference, familiarRepository, parseReference, withDefaultTag } from '../../../oci/index.ts';
import {
  IMAGE_CERTIFICATES,
  hostCertificateFile,
  startMmdebstrap,
  type BaseOptions,
  type BaseProcess,
} from '../../base-image/mmdebstrap.ts';
import { parseSuite } from '../../base-image/suite.ts';
import type { Command, Context } from '../../command.ts';
import { bool, list, text, type FlagValues } from '../../flags.ts';
import { UsageError } from '../../usage-error.ts';

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export const command: Command = {
  name: 'base',
  summary: 'Make a base image from a distribution’s signed packages',
  usage: '[OPTIONS] [DISTRIBUTION:]SUITE',
  flags: [
    list('include', '', 'Packages to install besides the essential ones (comma separated)'),
    bool('host-certs', '', 'Copy this machine’s CA certificates in, for networks with an inspecting proxy'),
    text('mirror', '', 'Archive to install from (default: this machine’s own, or mmdebstrap’s default)'),
    bool('quiet', 'q', 'Only print the image ID'),
    bool('slim', '', 'Leave out documentation, manual pages and translations'),
    list('tag', 't', 'Name of the image (default: the suite)'),
    text('variant', '', 'mmdebstrap’s variant: how much to install (default "minbase")'),
  ],
  examples: [
    'lading base debian:bookworm',
    'lading base debian:bookworm --include nodejs,npm,ca-certificates -t node:18-bookworm',
  ],
  arity: [1, 1],
  async run({ args: [suiteText = ''], flags, context }) {
    const options = readOptions(suiteText, flags, context);
    const [first, ...others] = imageNames(options, flags);
    // A daemon that cannot be reached should be known before minutes of installing.
    await context.client.system.ping();
    const note = progressTo(context, flags.bool('quiet'));
    note(`assembling ${options.suite.distribution}:${options.suite.name} with mmdebstrap`);
    const id = await importBase(await startMmdebstrap(options, note), options, first ?? '', context);
    for (const name of others) await tag(context, id, name);
    note(`made ${[first, ...others].join(', ')}`);
    context.stdout.write(`${id}\n`);
  },
};

function readOptions(suiteText: string, flags: FlagValues, context: Context): BaseOptions {
  const packages = flags
    .list('include')
    .flatMap((words) => words.split(','))
    .map((word) => word.trim())
    .filter((word) => word !== '');
  for (const name of packages)
    if (!/^[a-z0-9][a-z0-9+.-]*(?:[:=/][\w.+~:-]+)?$/.test(name))
      throw new UsageError(`invalid argument "${name}" for "--include" flag: not a package name`);
  return {
    suite: parseSuite(suiteText),
    packages,
    variant: flags.text('variant') ?? 'minbase',
    mirror: flags.text('mirror'),
    slim: flags.bool('slim'),
    hostCertificates: flags.bool('host-certs') ? hostCertificateFile(context.env) : undefined,
  };
}

function imageNames({ suite }: BaseOptions, flags: FlagValues): string[] {
  const names = flags.list('tag').length > 0 ? flags.list('tag') : [`${suite.distribution}:${suite.name}`];
  return names.map((name) => familiarReference(withDefaultTag(parseReference(name))));
}

/** Dockerfile instructions the import applies. */
export function baseChanges({ suite, packages, hostCertificates }: BaseOptions): string[] {
  const label = (key: string, value: string): string => `LABEL org.lading.base.${key}=${JSON.stringify(value)}`;
  return [
    `ENV PATH=${PATH}`,
    'CMD ["bash"]',
    label('distribution', suite.distribution),
    label('suite', suite.name),
    label('packages', packages.join(',')),
    ...(hostCertificates === undefined ? [] : [`ENV NODE_EXTRA_CA_CERTS=${IMAGE_CERTIFICATES}`]),
  ];
}

/** Streams the tar straight into the daemon. A failed mmdebstrap breaks the stream, so that no half image is kept. */
async function importBase(base: BaseProcess, options: BaseOptions, name: string, context: Context): Promise<string> {
  const reference = parseReference(name);
  const tar = new PassThrough({ highWaterMark: 1 << 20 });
  base.tar.pipe(tar, { end: false });
  base.ended.then(
    () => tar.end(),
    (error: Error) => tar.destroy(error),
  );
  try {
    const messages = context.client.images.import(tar, {
      fromSrc: '-',
      repo: familiarRepository(reference),
      tag: reference.tag ?? '',
      message: `lading base ${options.suite.distribution}:${options.suite.name}`,
      changes: baseChanges(options),
    });
    let id = '';
    const { showProgress } = await import('../../progress/messages.ts');
    const collect = async function* (): AsyncGenerator<object> {
      for await (const message of messages) {
        if (/^sha256:[0-9a-f]{64}$/.test(message.status ?? '')) id = message.status ?? '';
        if (message.error !== undefined || message.errorDetail !== undefined) yield message;
      }
    };
    await showProgress(collect(), context.stderr, { quiet: true });
    return id;
  } catch (error) {
    base.kill();
    // What broke the stream is the cause; the broken request only its effect.
    await base.ended;
    throw error;
  } finally {
    base.kill();
  }
}

async function tag(context: Context, id: string, name: string): Promise<void> {
  const reference = parseReference(name);
  await context.client.images.tag(id, { repo: familiarRepository(reference), tag: reference.tag ?? '' });
}

function progressTo({ stderr }: Context, quiet: boolean): (line: string) => void {
  if (quiet) return () => undefined;
  return (line) => {
    if (line.trim() !== '' && !/^\[[= >]*\]|^\s*\d+%/.test(line)) stderr.write(`base: ${line.trim()}\n`);
  };
}
