import { LadingError } from '../errors/index.ts';
import { graphOf, type Graph, type Stage, type Targets } from './graph.ts';
import type { Image } from './image.ts';
import { argDraft } from './instructions.ts';
import { formatPlace, type Place } from './place.ts';
import { problem } from './problem.ts';
import { NamedContext } from './sources.ts';
import { written, type Text } from './values.ts';

export interface DockerfileOptions {
  /** Write above each instruction which line of the program said it, with paths relative to the working folder (true) or to a folder. */
  readonly places?: boolean | string;
  /** First line: `# syntax=…`. */
  readonly syntax?: string;
  /** The directive of that name: "skip=JSONArgsRecommended,StageNameCasing", "error=true", or both with ";" between. */
  readonly check?: string;
}

/** An instruction of the Dockerfile and the line of the program that said it. */
export interface RenderedLine {
  readonly startLine: number;
  readonly endLine: number;
  readonly place: Place;
}

export interface Rendered {
  readonly text: string;
  readonly lines: readonly RenderedLine[];
}

/** `image.toDockerfile()`: for other builders, so what only lading can read is refused. */
export function renderDockerfile(image: Image, options: DockerfileOptions): string {
  const graph = graphOf(new Map([['', image]]));
  if (graph.globals.some((arg) => argDraft(arg).breaks === true))
    throw new LadingError('invalid_argument', 'no Dockerfile can hold a line break in the default of an argument');
  for (const step of graph.stages.flatMap(({ steps }) => steps))
    if (step.breaks === true)
      throw problem(
        step.place,
        `${step.kind}(): no Dockerfile can hold a line break in a value`,
        'lading builds it; Docker cannot',
      );
  const contexts = [...graph.contexts].map(([name, value]) => `Build it with --build-context ${name}=${value ?? '…'}`);
  return render(graph, options, contexts).text;
}

export function renderTargets(targets: Targets, options: DockerfileOptions): { graph: Graph; rendered: Rendered } {
  const graph = graphOf(targets);
  return { graph, rendered: render(graph, options) };
}

/** The Dockerfile of a graph. */
export function render(graph: Graph, options: DockerfileOptions, comments: readonly string[] = []): Rendered {
  const writer = new Writer(options.places === true ? process.cwd() : options.places || undefined);
  for (const name of ['syntax', 'check'] as const)
    if (options[name] !== undefined) writer.comment(`${name}=${options[name]}`);
  for (const comment of comments) writer.comment(comment);
  for (const arg of graph.globals) writer.add(argDraft(arg).render(graph.names), undefined);
  graph.stages.forEach((stage, i) => {
    if (i > 0 || graph.globals.length > 0) writer.blank();
    writer.add(fromLine(stage, graph), stage.root.place);
    for (const step of stage.steps) writer.add(step.render(graph.names), step.place);
  });
  return writer.done();
}

function fromLine({ root, base, name }: Stage, graph: Graph): string {
  const platform = root.platform === undefined ? [] : [`--platform=${fromWord(root.platform, root.place)}`];
  const reference =
    base?.name ??
    (root.base instanceof NamedContext ? graph.names(root.base) : fromWord(root.base as Text, root.place));
  return ['FROM', ...(base ? [] : platform), reference, ...(name === undefined ? [] : ['AS', name])].join(' ');
}

/** FROM has no quotes. */
function fromWord(text: Text, place: Place): string {
  const word = written(text);
  if (/^[^\s"'\\]+$/.test(word)) return word;
  throw problem(place, `image(): ${JSON.stringify(word)} cannot be written in a FROM`);
}

class Writer {
  readonly #places: string | undefined;
  readonly #text: string[] = [];
  readonly #lines: RenderedLine[] = [];
  #line = 1;
  #lastPlace = '';

  /** @param places the folder that paths of places are relative to; undefined: no places */
  constructor(places: string | undefined) {
    this.#places = places;
  }

  add(instruction: string, place: Place | undefined): void {
    if (this.#places !== undefined && place && place.file !== '') this.#place(formatPlace(place, this.#places));
    const startLine = this.#line;
    this.#push(instruction);
    if (place) this.#lines.push({ startLine, endLine: this.#line - 1, place });
  }

  comment(text: string): void {
    if (/[\r\n]/.test(text))
      throw new LadingError('invalid_argument', `a line of a Dockerfile cannot hold a line break: ${text}`);
    this.#push(`# ${text}`);
  }

  blank(): void {
    this.#push('');
  }

  done(): Rendered {
    const text = `${this.#text.join('\n')}\n`;
    if (text.length > 4 << 20)
      throw new LadingError(
        'invalid_argument',
        `the program describes a Dockerfile of ${text.length} characters, more than 4 MiB`,
      );
    return { text, lines: this.#lines };
  }

  #place(place: string): void {
    // oxlint-disable-next-line no-control-regex
    const shown = place.replace(/[\u0000-\u001f]/g, '?');
    if (shown !== this.#lastPlace) this.#push(`# ${shown}`);
    this.#lastPlace = shown;
  }

  #push(text: string): void {
    this.#text.push(text);
    this.#line += text.split('\n').length;
  }
}
