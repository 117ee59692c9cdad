import { readFileSync, writeSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isLadingError, messageOf } from '../errors/index.ts';
import { describe, type DescribeOptions, type Description } from './describe.ts';
import { formatPlace } from './place.ts';

/**
 * The child process of `lading build -f build.ts` (bundled as dist/build-program.js). Standard input is a JSON document {file, args,
 * platforms}; the answer, a {@link Description} or {error}, goes to descriptor 3 as JSON. What the program prints is not in the way.
 */
const ANSWER_FD = 3;

interface Request extends Omit<DescribeOptions, 'folder'> {
  /** Absolute path. */
  readonly file: string;
}

type Answer = Description | { readonly error: { readonly message: string; readonly hint?: string } };

let answered = false;
const OWN = new URL('.', import.meta.url).href;
const fromSource = import.meta.url.endsWith('.ts');

/** The library is this package, wherever the program lies. */
registerHooks({
  resolve: (specifier, context, next) => {
    const door = /^lading\/(build|client|engine|registry)$/.exec(specifier)?.[1];
    if (door === undefined) return next(specifier, context);
    return {
      url: new URL(fromSource ? `../${door}/index.ts` : `./${door}.js`, import.meta.url).href,
      shortCircuit: true,
    };
  },
});

function answer(document: Answer): never {
  const bytes = Buffer.from(JSON.stringify(document));
  for (let at = 0; at < bytes.length;) at += writeSync(ANSWER_FD, bytes, at);
  answered = true;
  process.exit(0);
}

function refuse(error: unknown): never {
  answer({
    error: {
      message: `${placeOf(error)}${messageOf(error)}`,
      ...(isLadingError(error) && error.hint !== undefined ? { hint: error.hint } : {}),
    },
  });
}

/** The first line of the user's code in an error's stack, else the program; nothing when the message says it already. */
function placeOf(error: unknown): string {
  const lines = error instanceof Error ? (error.stack ?? '').split('\n') : [];
  for (const line of lines) {
    const match = /(file:\/\/\/[^\s)]+?):(\d+)(?::\d+)?\)?$/.exec(line);
    if (!match?.[1] || match[1].startsWith(OWN)) continue;
    return unlessSaid(`${formatPlace({ file: fileURLToPath(match[1]), line: Number(match[2]), column: 0 })}: `, error);
  }
  return unlessSaid(`${formatPlace({ file, line: 0, column: 0 }).slice(0, -1)} `, error);
}

function unlessSaid(place: string, error: unknown): string {
  return messageOf(error).startsWith(place) ? '' : place;
}

const { file, ...options } = JSON.parse(readFileSync(0, 'utf8')) as Request;

process.on('uncaughtException', refuse);
process.on('exit', (status) => {
  // The program ended the process itself.
  if (!answered) refuse(new Error(`the program ended with status ${status} before its build was described`));
});

try {
  const program = (await import(pathToFileURL(file).href)) as { default?: unknown; check?: unknown };
  answer(await describe(program.default, { ...options, folder: dirname(file), check: program.check }));
} catch (error) {
  refuse(error);
}
