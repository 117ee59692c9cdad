import { stripVTControlCharacters } from 'node:util';
import type { BuildEvent } from '../../client/index.ts';

type Warning = Extract<BuildEvent, { kind: 'warning' }>;

/** Keeps what the build checks found for the end of a build's output, as buildx shows it. */
export class BuildWarnings {
  readonly #found: Warning[] = [];
  readonly #expand: boolean;

  /** @param expand explain each, with its lines of the Dockerfile */
  constructor(expand = false) {
    this.#expand = expand;
  }

  /** Returns whether it was a check's: others are shown at once. */
  take(warning: Warning): boolean {
    if (warning.rule === undefined) return false;
    this.#found.push(warning);
    return true;
  }

  /** "" when nothing was found. */
  text(): string {
    const count = this.#found.length;
    if (count === 0) return '';
    const hint = this.#expand ? '' : ' (use --debug to expand)';
    const heading = `\n ${count} warning${count === 1 ? '' : 's'} found${hint}:\n`;
    return heading + this.#found.map((warning) => this.#line(warning)).join('');
  }

  #line({ rule, message, line, detail, url, snippet = '' }: Warning): string {
    const short = ` - ${rule}: ${printable(message)}${line === undefined ? '' : ` (line ${line})`}\n`;
    if (!this.#expand) return short;
    return `${short}${detail ?? ''}\n${url === undefined ? '' : `More info: ${url}\n`}${snippet}\n`;
  }
}

/** The words of a Dockerfile are not trusted with the terminal. */
function printable(text: string): string {
  return stripVTControlCharacters(text).replace(/[\x00-\x1f\x7f]/g, '\ufffd');
}
