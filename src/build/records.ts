import type { BuildEvent as EngineEvent, BuildResult as EngineResult } from '../engine/index.ts';
import type { BuildEvent, BuildResult, StepRecord } from './build-options.ts';
import { stepKey, type Prepared } from './settings.ts';

/** Hands events on and remembers the steps that ended. */
export class Records {
  readonly #onEvent: (event: BuildEvent) => void;
  readonly #prepared: Prepared;
  readonly #steps: StepRecord[] = [];

  constructor(prepared: Prepared, onEvent: (event: BuildEvent) => void) {
    this.#prepared = prepared;
    this.#onEvent = onEvent;
  }

  event(event: EngineEvent): void {
    if (event.kind === 'step' && (event.status === 'cached' || event.status === 'done')) {
      const { kind: _kind, step: _step, total: _total, place: _shown, status, durationMs = 0, ...rest } = event;
      const definedAt = this.#prepared.places.get(stepKey(event));
      this.#steps.push({ ...rest, cached: status === 'cached', durationMs, ...(definedAt && { definedAt }) });
    }
    if (isShown(event)) this.#onEvent(event);
  }

  result({ imageId, tags, metadata }: EngineResult): BuildResult {
    const digest = metadata['containerimage.digest'];
    return {
      ...(imageId === undefined ? {} : { imageId }),
      ...(typeof digest === 'string' ? { digest } : {}),
      tags,
      steps: this.#steps,
      metadata,
      dockerfile: this.#prepared.settings.dockerfileText ?? '',
    };
  }
}

function isShown(event: EngineEvent): event is Extract<EngineEvent, BuildEvent> {
  return ['step', 'output', 'progress', 'warning', 'explain'].includes(event.kind);
}
