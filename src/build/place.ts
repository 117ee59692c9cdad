import { isAbsolute, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { getCallSites } from 'node:util';

/** Where in the user's program something was said. */
export interface Place {
  /** Absolute path; "" when the engine does not tell (eval, REPL). */
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

const OWN_FOLDER = import.meta.dirname;
const MAX_FRAMES = 30;

/** The nearest caller outside of this library. */
export function callerPlace(): Place {
  for (const site of getCallSites(MAX_FRAMES)) {
    const file = pathOf(site.scriptName);
    if (file === '' || isOwn(file)) continue;
    return { file, line: site.lineNumber, column: site.columnNumber };
  }
  return { file: '', line: 0, column: 0 };
}

/** "build.ts:12": relative to the working folder, or to `folder`, where that is shorter to read. */
export function formatPlace({ file, line }: Place, folder = process.cwd()): string {
  if (file === '') return 'the program';
  const near = relative(folder, file);
  return `${near.startsWith('../../..') || isAbsolute(near) ? file : near}:${line}`;
}

function pathOf(script: string): string {
  if (script.startsWith('file:')) return fileURLToPath(script.replace(/[?#].*$/, ''));
  return isAbsolute(script) ? script : '';
}

function isOwn(file: string): boolean {
  return file.startsWith(`${OWN_FOLDER}/`) && !file.endsWith('.test.ts');
}
