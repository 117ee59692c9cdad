import type { SourceFile, SourceLocation } from '../dockerfile-error.ts';
import type { CheckWarning } from '../lint/check-report.ts';
import { renderSnippet } from '../snippet.ts';
import { toBase64, toJsonLocation, type CallAnswer } from './call-answer.ts';

/** What makes a Dockerfile unusable, beyond what the checks warn of. */
export interface CheckFailure {
  readonly message: string;
  readonly hint?: string;
  readonly location?: SourceLocation;
}

/** The answer of `--call=check`. @param file its name is shown */
export function checkAnswer(file: SourceFile, warnings: readonly CheckWarning[], failure?: CheckFailure): CallAnswer {
  const sorted = warnings.toSorted((a, b) => a.location.startLine - b.location.startLine);
  const text = [heading(warnings.length, failure), ...sorted.map((warning) => describe(warning, file))].join('');
  return {
    text: text + (failure ? describeFailure(failure, file) : ''),
    json: toJson(file, warnings, failure),
    failed: warnings.length > 0 || failure !== undefined,
  };
}

function heading(count: number, failure: CheckFailure | undefined): string {
  if (count === 0) return failure ? '' : 'Check complete, no warnings found.\n';
  return `Check complete, ${count} ${count === 1 ? 'warning has' : 'warnings have'} been found!\n`;
}

function describe({ rule, url, message, location }: CheckWarning, file: SourceFile): string {
  const link = url === undefined ? '' : ` - ${url}`;
  return `\nWARNING: ${rule}${link}\n${message}\n${renderSnippet(file, location)}`;
}

function describeFailure({ message, hint, location }: CheckFailure, file: SourceFile): string {
  const snippet = location === undefined ? '' : renderSnippet(file, location);
  return `\nERROR: ${message}\n${snippet}${hint === undefined ? '' : `hint: ${hint}\n`}`;
}

function toJson(file: SourceFile, warnings: readonly CheckWarning[], failure: CheckFailure | undefined): object {
  return {
    warnings: warnings.map(({ rule, description, url, message, location }) => ({
      ruleName: rule,
      description,
      ...(url === undefined ? {} : { url }),
      detail: message,
      location: toJsonLocation(location),
    })),
    sources: [{ filename: file.filename, data: toBase64(file.source), language: 'Dockerfile' }],
    ...(failure
      ? { buildError: { message: failure.message, location: failure.location ? toJsonLocation(failure.location) : {} } }
      : {}),
  };
}
