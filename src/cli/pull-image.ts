import type { ProgressMessage } from '../client/index.ts';
import { formatReference, familiarReference, parseReference, repositoryOf, withDefaultTag } from '../oci/index.ts';
import type { Context } from './command.ts';
import { credentialsFor } from './credentials.ts';
import { showProgress } from './progress/messages.ts';

export interface PullOptions {
  readonly platform?: string | undefined;
  readonly quiet?: boolean;
  readonly out: NodeJS.WriteStream;
}

/** Pulls an image by the name a user typed, showing progress; returns its canonical name. */
export async function pullImage(context: Context, image: string, options: PullOptions): Promise<string> {
  const reference = withDefaultTag(parseReference(image));
  const credentials = await credentialsFor(context, reference.domain);
  const query = {
    fromImage: repositoryOf(reference),
    tag: reference.digest ?? reference.tag,
    platform: options.platform,
  };
  const messages: AsyncIterable<ProgressMessage> = context.client.images.pull(query, { credentials });
  await showProgress(messages, options.out, { quiet: options.quiet ?? false });
  return formatReference(reference);
}

/** "Unable to find image 'alpine:latest' locally", then the pull. */
export async function pullMissingImage(
  context: Context,
  image: string,
  options: { platform?: string | undefined; quiet: boolean },
): Promise<void> {
  if (!options.quiet)
    context.stderr.write(
      `Unable to find image '${familiarReference(withDefaultTag(parseReference(image)))}' locally\n`,
    );
  await pullImage(context, image, { ...options, out: context.stderr });
}
