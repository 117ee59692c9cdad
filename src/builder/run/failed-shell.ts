import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../../errors/index.ts';
import type { RunConfig } from '../../oci/index.ts';
import type { BuildSession } from '../session.ts';
import type { ExecutedStep } from '../types.ts';

const HISTORY = '/dev/pipes/history';

/** The failed step with a shell in its place: the stage's own, else /bin/sh. The failed command is the last one in its history. */
export async function shellIn(session: BuildSession, config: RunConfig, step: ExecutedStep): Promise<ExecutedStep> {
  const shell = config.Shell?.[0] ?? '/bin/sh';
  const { process, mounts, limits: _none, ...rest } = step;
  const path = join(await session.folder(), 'history');
  await writeFile(path, `${commandOf(step)}\n`);
  await chmod(path, 0o666);
  const history = { type: 'bind', source: path, target: HISTORY, options: ['rbind', 'rprivate', 'rw'] };
  return {
    ...rest,
    mounts: [...mounts, history],
    process: { ...process, args: [shell], tty: true, env: [...process.env, `HISTFILE=${HISTORY}`] },
  };
}

/** What is printed before the shell's first prompt. */
export function bannerOf(step: ExecutedStep, error: unknown): string {
  const lines = [
    messageOf(error),
    '',
    'This is a shell in the failed step, with its files, mounts, environment and user. It failed in:',
    `  ${commandOf(step)}`,
    'Leave the shell to end the build.',
  ];
  return lines.map((line) => `${line}\r\n`).join('');
}

/** As one would type it: the script of a shell form, else the quoted words. */
function commandOf({ process: { args } }: ExecutedStep): string {
  const last = args.at(-1) ?? '';
  if (args.length > 2 && args.at(-2) === '-c') return last.trimEnd().replaceAll('\n', ' ; ').slice(0, 4000);
  return args
    .map((word) => (/^[\w./=:@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`))
    .join(' ');
}
