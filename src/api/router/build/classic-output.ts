import type { BuildEvent, ProgressMessage } from '../../../engine/index.ts';
import { familiarReference, parseReference } from '../../../oci/index.ts';

/** Short image ID as Docker prints it. */
function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}

/** Turns build events into the classic builder's lines. One instance follows one build. */
export class ClassicOutput {
  readonly #seen = new Set<number>();

  /** Lines for one event. */
  render(event: BuildEvent): ProgressMessage[] {
    switch (event.kind) {
      case 'step':
        return this.#step(event);
      case 'output':
        return [{ stream: event.text }];
      case 'progress':
        return [{ status: event.status, id: event.id, progressDetail: progressDetail(event) }];
      case 'warning':
        return [{ stream: `[Warning] ${event.message}${event.line === undefined ? '' : ` (line ${event.line})`}\n` }];
      case 'result':
        return [
          ...imageLines(event.imageId),
          ...event.tags.map((tag) => ({ stream: `Successfully tagged ${familiarReference(parseReference(tag))}\n` })),
        ];
      default:
        return [];
    }
  }

  #step({ step, total, name, status }: Extract<BuildEvent, { kind: 'step' }>): ProgressMessage[] {
    const lines: ProgressMessage[] = [];
    if (!this.#seen.has(step)) lines.push({ stream: `Step ${step}/${total} : ${name}\n` });
    this.#seen.add(step);
    if (status === 'cached') lines.push({ stream: ' ---> Using cache\n' });
    return lines;
  }
}

function imageLines(id: string | undefined): ProgressMessage[] {
  return id === undefined ? [] : [{ aux: { ID: id } }, { stream: `Successfully built ${shortId(id)}\n` }];
}

function progressDetail({ current, total }: Extract<BuildEvent, { kind: 'progress' }>) {
  return { ...(current === undefined ? {} : { current }), ...(total === undefined ? {} : { total }) };
}
