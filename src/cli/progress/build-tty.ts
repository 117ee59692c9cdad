import { stripVTControlCharacters } from 'node:util';
import type { BuildEvent } from '../../client/index.ts';
import { humanSize } from '../format/units.ts';
import { fitColumns } from '../terminal/columns.ts';
import { amountText, failureBlock, layerText, resultLines, whyText, type BuildDisplay } from './build-display.ts';
import { BuildSteps, seconds, type BuildStep } from './build-steps.ts';
import { BuildWarnings } from './build-warnings.ts';

const REDRAW_MS = 80;
const OUTPUT_LINES = 6;
const TIME_WIDTH = 8;
const MIN_COLUMNS = 40;
const LONGEST = 1000;
const WRAP_ON = '\x1b[?7h';
const WRAP_OFF = '\x1b[?7l';

/** As BuildKit spells them. */
const MARKS: Readonly<Partial<Record<BuildStep['status'], string>>> = {
  cached: ' CACHED',
  failed: ' ERROR',
  cancelled: ' CANCELED',
};

const PLAIN_COLORS = { done: '', failed: '', dim: '', end: '' };
const COLORS: typeof PLAIN_COLORS = { done: '\x1b[34m', failed: '\x1b[31m', dim: '\x1b[2m', end: '\x1b[0m' };

/** A live region redrawn in place: heading, a line a step, the last output of what runs. */
export class TtyDisplay implements BuildDisplay {
  readonly #out: NodeJS.WriteStream;
  readonly #colors: typeof PLAIN_COLORS;
  readonly #steps = new BuildSteps();
  readonly #warnings: string[] = [];
  readonly #checks: BuildWarnings;
  readonly #started = performance.now();
  readonly #timer: NodeJS.Timeout;
  #suspended = false;
  #drawn = 0;
  #result: string[] = [];

  constructor(out: NodeJS.WriteStream, options: { colors: boolean; expandWarnings?: boolean }) {
    this.#checks = new BuildWarnings(options.expandWarnings);
    this.#out = out;
    this.#colors = options.colors ? COLORS : PLAIN_COLORS;
    this.#timer = setInterval(() => this.#tick(), REDRAW_MS);
    out.write('\x1b[?25l');
    process.once('exit', () => out.write('\x1b[?25h'));
  }

  show(event: BuildEvent): void {
    if (event.kind === 'step') this.#onStep(event);
    else if (event.kind === 'output') this.#steps.onOutput(event);
    else if (event.kind === 'explain') this.#steps.onExplain(event);
    else if (event.kind === 'progress')
      this.#steps
        .find(event.step)
        ?.progress.set(event.id, `${event.id} ${event.status} ${amountText(event, humanSize)}`.trimEnd());
    else if (event.kind === 'warning') {
      if (!this.#checks.take(event)) this.#warnings.push(event.message);
    } else if (event.kind === 'result') this.#result = resultLines(event).map((line) => ` => ${line}`);
  }

  finish(failed: boolean): void {
    clearInterval(this.#timer);
    this.#redraw(failed ? 'ERROR' : 'FINISHED');
    for (const warning of this.#warnings) this.#out.write(`WARNING: ${printable(warning)}\n`);
    this.#out.write(this.#checks.text());
    if (failed) this.#out.write(failureBlock(this.#steps.steps.find((step) => step.status === 'failed')));
  }

  /** What was drawn stays where it is; later lines come below whatever else was written. */
  suspend(): void {
    this.#redraw();
    this.#suspended = true;
    this.#out.write('\x1b[?25h');
  }

  resume(): void {
    this.#suspended = false;
    this.#drawn = 0;
    this.#out.write('\x1b[?25l');
  }

  #tick(): void {
    if (!this.#suspended) this.#redraw();
  }

  #onStep(event: Extract<BuildEvent, { kind: 'step' }>): void {
    const { step } = this.#steps.onStep(event);
    if (step.status !== 'running') this.#steps.flush(step);
  }

  #redraw(end = ''): void {
    const columns = Math.max(MIN_COLUMNS, this.#out.columns || 80);
    const lines = [
      this.#heading(end),
      ...this.#steps.steps.flatMap((step) => this.#stepLines(step, columns, end !== '')),
    ];
    if (end !== '') lines.push(...this.#result);
    // What is above the window's top cannot be redrawn: while it runs, show the end only.
    const room = end === '' ? Math.max(3, (this.#out.rows || 24) - 1) : Number.POSITIVE_INFINITY;
    const [heading = '', ...rest] = lines;
    const shown = lines.length <= room ? lines : [heading, ...rest.slice(1 - room)];
    const up = this.#drawn === 0 ? '' : `\x1b[${this.#drawn}A`;
    // Line by line: a region erased at once from the window's top would go to the scroll-back of some terminals (tmux), frame by frame.
    const erase = `${up}${'\r\x1b[2K\n'.repeat(this.#drawn)}${up}`;
    // A line that the terminal takes for wider than it is here must not move those below it.
    const wrap = end === '' ? WRAP_OFF : '';
    this.#out.write(`${wrap}${erase}\r${shown.map((line) => `${line}\n`).join('')}${WRAP_ON}`);
    this.#drawn = shown.length;
  }

  #heading(end: string): string {
    const done = this.#steps.steps.filter((step) => step.status !== 'running').length;
    const time = seconds(performance.now() - this.#started);
    return `[+] Building ${time} (${done}/${this.#steps.total})${end === '' ? '' : ` ${end}`}`;
  }

  /** @param isLast nothing is drawn over it any more: sentences need not fit in a line */
  #stepLines(step: BuildStep, columns: number, isLast: boolean): string[] {
    const { done, failed, dim, end } = this.#colors;
    const time = seconds(this.#steps.elapsedMs(step)).padStart(TIME_WIDTH);
    const mark = MARKS[step.status] ?? '';
    const color = step.status === 'running' ? '' : step.status === 'failed' ? failed : done;
    const size = layerText(step);
    const text = fitColumns(` =>${mark} ${printable(step.label)}`, columns - TIME_WIDTH - size.length - 1);
    const line = `${color}${text}${color === '' ? '' : end}${dim}${size}${end}${time}`;
    const why = step.why === undefined ? [] : [this.#innerLine(whyText(step.why), isLast ? LONGEST : columns)];
    if (step.status !== 'running') return [line, ...why];
    const output = [...step.tail, ...(step.partial === '' ? [] : [step.partial])].slice(-OUTPUT_LINES);
    const inner = [...step.progress.values(), ...output].slice(-OUTPUT_LINES).map((one) => `# ${printable(one)}`);
    return [line, ...why, ...inner.map((one) => this.#innerLine(one, columns))];
  }

  #innerLine(text: string, columns: number): string {
    const { dim, end } = this.#colors;
    return `${dim}${fitColumns(` => => ${printable(text)}`, columns - 1).trimEnd()}${end}`;
  }
}

/** Output of steps is not trusted with the cursor. */
function printable(text: string): string {
  const last = text.split('\r').findLast((part) => part !== '') ?? '';
  return stripVTControlCharacters(last)
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '')
    .replaceAll('\t', '    ');
}
