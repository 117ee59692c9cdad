import { stripVTControlCharacters } from 'node:util';
import type { LogPiece, RecordedStep } from '../../../client/index.ts';
import type { Command } from '../../command.ts';
import { bool, text } from '../../flags.ts';
import { seconds } from '../../progress/build-steps.ts';
import { UsageError } from '../../usage-error.ts';

export const command: Command = {
  name: 'builds log',
  summary: 'Show what a build’s steps printed',
  usage: '[OPTIONS] BUILD [STEP]',
  flags: [
    bool('timestamps', 't', 'Show seconds since the step began before each piece of output'),
    text('format', '', 'Format output: "json" prints one JSON value a line'),
  ],
  examples: ['lading build log latest', 'lading build log my/app 4', 'lading build log 3f2a --timestamps'],
  arity: [1, 2],
  async run({ args: [build = '', step], flags, context }) {
    if (step !== undefined && !/^\d+$/.test(step)) throw new UsageError(`invalid step "${step}": its number is wanted`);
    const format = flags.text('format');
    if (format !== undefined && format !== 'json') throw new UsageError(`invalid format "${format}": json is wanted`);
    const isJson = format === 'json';
    const wanted = step === undefined ? undefined : Number(step);
    const printer = new LogPrinter((words) => void context.stdout.write(words), {
      headings: wanted === undefined,
      timestamps: flags.bool('timestamps'),
      raw: context.stdout.isTTY !== true,
    });
    for await (const entry of context.client.builds.log(build, wanted)) {
      if (isJson) context.stdout.write(`${JSON.stringify(entry)}\n`);
      else if ('step' in entry) printer.heading(entry.step);
      else printer.piece(entry as LogPiece);
    }
    if (!isJson) printer.end();
  },
};

interface PrinterOptions {
  readonly headings: boolean;
  readonly timestamps: boolean;
  /** Bytes as they came; a terminal is not entrusted to what steps print. */
  readonly raw: boolean;
}

class LogPrinter {
  readonly #write: (words: string) => void;
  readonly #options: PrinterOptions;
  #atLineStart = true;

  constructor(write: (words: string) => void, options: PrinterOptions) {
    this.#write = write;
    this.#options = options;
  }

  heading({ step, stage, name, status, durationMs }: RecordedStep): void {
    this.end();
    if (!this.#options.headings) return;
    this.#write(`#${step} [${stage}] ${name.replace(/\s*\n\s*/g, ' ')} (${status}, ${seconds(durationMs)})\n`);
  }

  piece([ms, , output]: LogPiece): void {
    const safe = this.#options.raw ? output : stripVTControlCharacters(output);
    for (const line of safe.split(/(?<=\n)/)) {
      if (this.#atLineStart && this.#options.timestamps) this.#write(`${(ms / 1000).toFixed(3).padStart(8)} `);
      this.#write(line);
      this.#atLineStart = line.endsWith('\n');
    }
  }

  end(): void {
    if (!this.#atLineStart) this.#write('\n');
    this.#atLineStart = true;
  }
}
