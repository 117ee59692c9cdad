import { basename } from 'node:path';
import { addressWithoutUserinfo, type BuildEvent, type BuildRequest, type BuildResult } from '../../builder/index.ts';
import { isLadingError, messageOf } from '../../errors/index.ts';
import { familiarReference, formatPlatform, parseReference } from '../../oci/index.ts';
import type { BuildRecord, RecordedStep, Warning } from './build-record.ts';
import { failedLogName, type StepLogs, type StepLogWriter } from './step-log.ts';

const MAX_ERROR = 4096;
const MAX_WARNINGS = 100;

/** Follows one build's events and makes its record; the steps' output goes to logs meanwhile. */
export class BuildRecorder {
  readonly #id: string;
  readonly #request: BuildRequest;
  readonly #logs: StepLogs;
  readonly #startedAt: string;
  readonly #startedMs = performance.now();
  readonly #steps = new Map<number, RecordedStep>();
  readonly #writers = new Map<number, StepLogWriter>();
  readonly #explanations = new Map<number, string>();
  readonly #warnings: Warning[] = [];
  readonly #endings: Promise<unknown>[] = [];

  constructor(id: string, request: BuildRequest, logs: StepLogs, startedAt: Date) {
    this.#startedAt = startedAt.toISOString();
    this.#id = id;
    this.#request = request;
    this.#logs = logs;
  }

  observe(event: BuildEvent): void {
    switch (event.kind) {
      case 'step':
        return event.status === 'started' ? this.#begin(event) : this.#end(event);
      case 'output':
        return this.#writer(event.step).write(event.stream, event.text);
      case 'explain':
        this.#explanations.set(event.step, event.message);
        return;
      case 'warning':
        if (this.#warnings.length < MAX_WARNINGS) this.#warnings.push(withoutKind(event));
    }
  }

  /** The record as it is now; after the end its logs are whole. */
  async finish(outcome: { result: BuildResult } | { error: unknown }): Promise<BuildRecord> {
    for (const [step, writer] of this.#writers) this.#endings.push(this.#endLog(writer, failedLogName(this.#id, step)));
    this.#writers.clear();
    await Promise.all(this.#endings);
    const failed = 'error' in outcome;
    const status = !failed ? 'completed' : isLadingError(outcome.error, 'cancelled') ? 'cancelled' : 'failed';
    return {
      ...this.#heading(),
      status,
      ...(failed ? { error: messageOf(outcome.error).slice(0, MAX_ERROR) } : imageOf(outcome.result)),
    };
  }

  /** As it is while the build runs. */
  snapshot(): BuildRecord {
    return this.#heading();
  }

  #heading(): BuildRecord {
    const { tags, dockerfile, target, platforms = [], buildArgs } = this.#request;
    return {
      id: this.#id,
      name: nameOf(this.#request),
      status: 'running',
      startedAt: this.#startedAt,
      durationMs: this.#now(),
      context: contextOf(this.#request),
      dockerfile,
      ...(target ? { target } : {}),
      platforms: platforms.map(formatPlatform),
      tags,
      buildArgNames: Object.keys(buildArgs).sort(),
      warnings: this.#warnings,
      steps: [...this.#steps.values()].sort((a, b) => a.step - b.step),
    };
  }

  #begin({ step, stage, name, platform }: Extract<BuildEvent, { kind: 'step' }>): void {
    const startMs = this.#now();
    const own = platform === undefined ? {} : { platform };
    this.#steps.set(step, { step, stage, name, ...own, status: 'running', startMs, durationMs: 0 });
  }

  #end({ step, status, durationMs, key, sizeBytes }: Extract<BuildEvent, { kind: 'step' }>): void {
    const begun = this.#steps.get(step);
    if (!begun || status === 'started') return;
    const writer = this.#writers.get(step);
    this.#writers.delete(step);
    const explanation = this.#explanations.get(step);
    this.#steps.set(step, {
      ...begun,
      status,
      durationMs: durationMs ?? this.#now() - begun.startMs,
      ...(key === undefined ? {} : { key }),
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(writer ? { logBytes: writer.bytes } : {}),
      ...(explanation === undefined ? {} : { explanation }),
    });
    if (writer) this.#endings.push(this.#endLog(writer, key ?? failedLogName(this.#id, step)));
  }

  #writer(step: number): StepLogWriter {
    let writer = this.#writers.get(step);
    if (!writer) this.#writers.set(step, (writer = this.#logs.begin(this.#id, step)));
    return writer;
  }

  async #endLog(writer: StepLogWriter, name: string): Promise<void> {
    await writer.end(this.#logs.pathOf(name)).catch(() => false);
  }

  #now(): number {
    return Math.round(performance.now() - this.#startedMs);
  }
}

function imageOf({ imageId }: BuildResult): { imageId?: string } {
  return imageId === undefined ? {} : { imageId };
}

function withoutKind({
  kind: _kind,
  snippet: _snippet,
  ...warning
}: Extract<BuildEvent, { kind: 'warning' }>): Warning {
  return warning;
}

/** `--name`, else the first tag without its version, else the context's folder. */
function nameOf(request: BuildRequest): string {
  const [tag] = request.tags;
  if (request.name !== undefined && request.name !== '') return request.name;
  if (tag !== undefined) return familiarReference(withoutVersion(tag));
  const context = contextOf(request);
  return request.context.kind === 'directory' ? basename(context) || context : context;
}

function withoutVersion(tag: string): ReturnType<typeof parseReference> {
  const { domain, path } = parseReference(tag);
  return { domain, path };
}

function contextOf({ context }: BuildRequest): string {
  if (context.kind === 'directory') return context.path;
  // Credentials may stand in an address.
  return 'address' in context ? addressWithoutUserinfo(context.address) : 'a tar sent by the client';
}
