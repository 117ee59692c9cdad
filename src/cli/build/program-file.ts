import { statSync } from 'node:fs';
import { dirname } from 'node:path';

/** `Dockerfile.ts` is somebody's Dockerfile. */
const PROGRAM = /(?:^|\/)(?!(?:docker|container)file\b)[^/]*\.[cm]?[jt]s$/i;

/** The PATH of the context and the -f file as they are meant, when the build is a program. */
export interface ProgramFile {
  readonly file: string;
  readonly path: string;
}

/** `build.ts`, `-f build.ts`, `-f build.ts PATH`: without a PATH the program's folder is the context. */
export function programFile(path: string | undefined, file: string | undefined): ProgramFile | undefined {
  if (file !== undefined) return PROGRAM.test(file) ? { file, path: path ?? dirname(file) } : undefined;
  if (path === undefined || !PROGRAM.test(path)) return undefined;
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? { file: path, path: dirname(path) } : undefined;
}
