import { DockerfileError } from '../../dockerfile/index.ts';
import { EXIT_FAILURE, ExitError } from '../usage-error.ts';

/** Shows an error of a Dockerfile with its lines, as a build does. */
export function located(error: unknown): unknown {
  if (!(error instanceof DockerfileError)) return error;
  const hint = error.hint === undefined ? '' : `\nhint: ${error.hint}`;
  return new ExitError(EXIT_FAILURE, `ERROR: ${error.message}\n${error.renderSnippet().trimEnd()}${hint}`);
}
