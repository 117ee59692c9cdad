import { writeFileAtomic } from '../../../base/index.ts';
import {
  fixDockerfile,
  parseDockerfile,
  pinnableImages,
  type FixOptions,
  type FixResult,
} from '../../../dockerfile/index.ts';
import { messageOf } from '../../../errors/index.ts';
import { parseReference } from '../../../oci/index.ts';
import type { Command, Context } from '../../command.ts';
import { credentialsFor } from '../../credentials.ts';
import { readDockerfile, type DockerfileSource } from '../../dockerfile/dockerfile-source.ts';
import { located } from '../../dockerfile/located-error.ts';
import { unifiedDiff } from '../../dockerfile/unified-diff.ts';
import { bool } from '../../flags.ts';

export const command: Command = {
  name: 'dockerfile fix',
  summary: 'Edit what the build checks report, where an edit is safe',
  usage: '[OPTIONS] [FILE|-]',
  flags: [
    bool('diff', '', 'Print the edits as a unified diff and write nothing'),
    bool('pin', '', 'Pin base images to the digests their names have in the registry'),
  ],
  examples: ['lading dockerfile fix', 'lading dockerfile fix --diff --pin docker/app.Dockerfile'],
  arity: [0, 1],
  async run({ args: [file], flags, context }) {
    const source = await readDockerfile(context, file);
    const result = await fix(source, flags.bool('pin'), context);
    const { stderr } = context;
    report(result, source.name, { stderr, isWritten: !flags.bool('diff') });
    if (flags.bool('diff')) context.stdout.write(unifiedDiff(source.text, result.source, source.name));
    else if (source.path === undefined) context.stdout.write(result.source);
    else if (result.source !== source.text)
      await writeFileAtomic(source.path, result.source, { mode: source.mode ?? 0o644 });
  },
};

async function fix({ name, text }: DockerfileSource, pin: boolean, context: Context): Promise<FixResult> {
  try {
    const pins = pin
      ? await findDigests(pinnableImages(parseDockerfile(text, { filename: name })), context)
      : undefined;
    return fixDockerfile(text, { filename: name, ...(pins ? { pins } : {}) });
  } catch (error) {
    throw located(error);
  }
}

/** Digests as the daemon hears them from the registries. */
async function findDigests(images: readonly string[], context: Context): Promise<NonNullable<FixOptions['pins']>> {
  const found = await Promise.all(images.map(async (image) => [image, await findDigest(image, context)] as const));
  return new Map(found);
}

async function findDigest(image: string, context: Context): Promise<{ digest: string } | { why: string }> {
  try {
    const credentials = await credentialsFor(context, parseReference(image).domain);
    const { Descriptor } = (await context.client.images.distribution(image, credentials)) as {
      Descriptor?: { digest?: unknown };
    };
    const digest = Descriptor?.digest;
    if (typeof digest === 'string' && /^sha256:[a-f0-9]{64}$/.test(digest)) return { digest };
    return { why: 'the registry gave no digest' };
  } catch (error) {
    return { why: messageOf(error).replaceAll('\n', '; ') };
  }
}

/** What was done and what was not, on standard error: standard output is for the file or the difference. */
function report(
  { fixed, left }: FixResult,
  name: string,
  { stderr, isWritten }: { readonly stderr: Context['stderr']; readonly isWritten: boolean },
): void {
  const done = isWritten ? 'fixed' : 'would fix';
  for (const { rule, line, message } of fixed.toSorted((a, b) => a.line - b.line))
    stderr.write(`${name}:${line}: ${done} ${rule}: ${message}\n`);
  for (const { rule, line, message, why } of left.toSorted((a, b) => a.line - b.line))
    stderr.write(`${name}:${line}: left ${rule}: ${message}\n    ${why}\n`);
  const count = (amount: number): string => `${amount} ${amount === 1 ? 'finding' : 'findings'}`;
  const total = isWritten ? 'fixed' : 'to fix';
  stderr.write(`${name}: ${count(fixed.length)} ${total}, ${left.length} left\n`);
}
