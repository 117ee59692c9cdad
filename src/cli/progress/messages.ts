import type { ProgressMessage } from '../../client/index.ts';
import { LadingError } from '../../errors/index.ts';
import { humanSize } from '../format/units.ts';

const BAR_WIDTH = 50;
const MAX_COLUMNS = 200;

/** Shows Docker's progress messages: a line an ID, redrawn in place on a terminal, plain lines elsewhere. */
export async function showProgress(
  messages: AsyncIterable<ProgressMessage>,
  out: NodeJS.WriteStream,
  options: { quiet?: boolean; onAux?: (aux: unknown) => void } = {},
): Promise<void> {
  const display = new ProgressDisplay(out);
  for await (const message of messages) {
    const problem = message.errorDetail?.message ?? message.error;
    if (problem !== undefined) throw new LadingError('internal', problem);
    if (message.aux !== undefined) options.onAux?.(message.aux);
    else if (options.quiet !== true) display.show(message);
  }
}

class ProgressDisplay {
  readonly #out: NodeJS.WriteStream;
  /** Lines from the bottom-most known position: ID → row. */
  readonly #rows = new Map<string, number>();
  #height = 0;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  show(message: ProgressMessage): void {
    if (message.stream !== undefined) return void this.#out.write(message.stream);
    const text = `${message.id === undefined ? '' : `${message.id}: `}${message.status ?? ''}`;
    if (!this.#out.isTTY) {
      if (progressText(message) === '') this.#out.write(`${text}\n`);
      return;
    }
    if (message.id === undefined) {
      this.#rows.clear();
      this.#height = 0;
      this.#out.write(`${text}\n`);
      return;
    }
    this.#draw(message.id, `${text} ${progressText(message)}`.trimEnd());
  }

  #draw(id: string, line: string): void {
    const shown = line.slice(0, (this.#out.columns || MAX_COLUMNS) - 1);
    const row = this.#rows.get(id);
    if (row === undefined) {
      this.#rows.set(id, this.#height++);
      this.#out.write(`${shown}\n`);
      return;
    }
    const up = this.#height - row;
    this.#out.write(`\x1b[${up}A\r\x1b[2K${shown}\x1b[${up}B\r`);
  }
}

/** "[====>   ]  1.2MB/3.4MB", or "" without figures. */
function progressText(message: ProgressMessage): string {
  const { current = 0, total = 0 } = message.progressDetail ?? {};
  if (current <= 0 && total <= 0) return '';
  if (total <= 0) return humanSize(current).padStart(8);
  const done = Math.min(BAR_WIDTH, Math.floor((current / total) * BAR_WIDTH));
  const bar = `${'='.repeat(done)}${done < BAR_WIDTH ? '>' : ''}`.padEnd(BAR_WIDTH);
  return `[${bar}]  ${humanSize(current)}/${humanSize(total)}`;
}
