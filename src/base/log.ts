export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

const ORDER: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Structured log: one JSON line per fact on standard error. Never log credentials, environment values or secrets. */
export class Log {
  readonly #fields: LogFields;
  readonly #level: LogLevel;
  readonly #write: (line: string) => void;

  constructor(
    level: LogLevel,
    fields: LogFields = {},
    write = (line: string): void => void process.stderr.write(line),
  ) {
    this.#level = level;
    this.#fields = fields;
    this.#write = write;
  }

  child(fields: LogFields): Log {
    return new Log(this.#level, { ...this.#fields, ...fields }, this.#write);
  }
  debug(message: string, fields?: LogFields): void {
    this.#emit('debug', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.#emit('info', message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.#emit('warn', message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.#emit('error', message, fields);
  }

  #emit(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (ORDER[level] < ORDER[this.#level]) return;
    this.#write(`${JSON.stringify({ time: new Date().toISOString(), level, message, ...this.#fields, ...fields })}\n`);
  }
}

/** A log that drops everything. */
export const SILENT_LOG = new Log('error', {}, () => undefined);
