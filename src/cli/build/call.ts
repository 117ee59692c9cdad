import type { BuildEvent, BuildSettings } from '../../client/index.ts';
import { LadingError } from '../../errors/index.ts';
import type { Context } from '../command.ts';
import type { FlagValues } from '../flags.ts';
import type { BuildDisplay } from '../progress/build-display.ts';
import { UsageError } from '../usage-error.ts';
import { fieldsOf } from './typed-options.ts';

export interface Call {
  readonly call: NonNullable<BuildSettings['call']>;
  readonly format: 'text' | 'json';
  /** End with status 0 whatever was found. */
  readonly ignoreStatus: boolean;
}

const CALLS: Readonly<Record<string, Call['call']>> = {
  build: 'build',
  check: 'check',
  lint: 'check',
  outline: 'outline',
  targets: 'targets',
};

/** `--check`, `--call=NAME[,format=json]`. @throws {UsageError} */
export function callOf(flags: FlagValues): Call {
  const text = flags.text('call');
  const [name = '', ...options] = text === undefined ? [] : fieldsOf(text, 'call');
  const wanted = flags.bool('check') && text === undefined ? 'check' : name === '' ? 'build' : name;
  const call = CALLS[wanted];
  if (call === undefined)
    throw new UsageError(`invalid call "${wanted}": one of ${Object.keys(CALLS).join(', ')} is wanted`);
  let format: Call['format'] = 'text';
  let ignoreStatus = false;
  for (const option of options) {
    if (option === 'format=json' || option === 'format=text') format = option === 'format=json' ? 'json' : 'text';
    else if (/^ignorestatus(=(true|1|false|0))?$/.test(option)) ignoreStatus = !/=(false|0)$/.test(option);
    else
      throw new UsageError(`invalid option "${option}" for --call: format=text, format=json or ignorestatus is wanted`);
  }
  return { call, format, ignoreStatus };
}

/** Waits for the answer of a call; a call has no steps to show. */
export class CallDisplay implements BuildDisplay {
  #answer: Extract<BuildEvent, { kind: 'call' }> | undefined;

  show(event: BuildEvent): void {
    if (event.kind === 'call') this.#answer = event;
  }

  finish(): void {}

  /** Writes the answer and gives the exit status. */
  print({ stdout }: Context, { format, ignoreStatus }: Call): number {
    const answer = this.#answer;
    if (!answer) throw new LadingError('internal', 'build: the daemon answered without what was asked for');
    stdout.write(format === 'json' ? `${JSON.stringify(answer.json, undefined, 2)}\n` : answer.text);
    return answer.failed && !ignoreStatus ? 1 : 0;
  }
}
