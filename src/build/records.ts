import type { BuildEvent as EngineEvent, BuildResult as EngineResult } from '../engine/index.ts';
import { LadingError, toLadingError } from '../errors/index.ts';
import type { BuildEvent, BuildResult, StepRecord } from './build-options.ts';
import { formatPlace, type Place } from './place.ts';
import { stepKey, type Prepared } from './settings.ts';

/** Hands events on and remembers the steps that ended. */
export class Records {
  readonly #onEvent: (event: BuildEvent) => void;
  readonly #prepared: Prepared;
  readonly #steps: StepRecord[] = [];
  #failedAt: Place | undefined;

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
    if (event.kind === 'step' && event.status === 'failed')
      this.#failedAt ??= this.#prepared.places.get(stepKey(event));
    if (isShown(event)) this.#onEvent(event);
  }

  /** The build's error, beginning with the line of the program whose step failed first. */
  placed(thrown: unknown): LadingError {
    const error = toLadingError(thrown, 'build');
    if (this.#failedAt === undefined || error.code === 'cancelled') return error;
    const { code, message, hint } = error;
    const options = { cause: error, ...(hint === undefined ? {} : { hint }) };
    return new LadingError(code, `${formatPlace(this.#failedAt)}: ${message}`, options);
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
