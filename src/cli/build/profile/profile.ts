import type { BuildRecord, RecordedStep } from '../../../client/index.ts';

/** A step of a profile, beside the same step of the build compared with. */
export interface ProfileStep extends RecordedStep {
  readonly previous?: Pick<RecordedStep, 'status' | 'durationMs' | 'sizeBytes'>;
}

/** Where a build's time and bytes went. Times in milliseconds, sizes in bytes. */
export interface Profile {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly startedAt: string;
  readonly imageId?: string;
  readonly error?: string;
  readonly compared?: { readonly id: string; readonly startedAt: string; readonly wallMs: number };
  readonly totals: ProfileTotals;
  readonly steps: readonly ProfileStep[];
}

export interface ProfileTotals {
  /** From the first byte of the request to the result: `busyMs` + `idleMs`. */
  readonly wallMs: number;
  /** While at least one step was at work. */
  readonly busyMs: number;
  /** Reading the context and the Dockerfile, export. */
  readonly idleMs: number;
  /** All steps' own times added up: more than `busyMs` when steps ran side by side. */
  readonly stepsMs: number;
  readonly cached: number;
  readonly ran: number;
  readonly failed: number;
  /** Of all layers the steps stand for. */
  readonly layerBytes: number;
  /** Of those made by this build. */
  readonly newLayerBytes: number;
}

/** @param previous the build to compare with */
export function profileOf(record: BuildRecord, previous: BuildRecord | null): Profile {
  const earlier = new Map((previous?.steps ?? []).map((step, at, all) => [identityOf(step, all.slice(0, at)), step]));
  const steps = record.steps.map((step, at, all): ProfileStep => {
    const before = earlier.get(identityOf(step, all.slice(0, at)));
    return before ? { ...step, previous: summaryOf(before) } : step;
  });
  const { id, name, status, startedAt, imageId, error } = record;
  return {
    id,
    name,
    status,
    startedAt,
    ...(imageId === undefined ? {} : { imageId }),
    ...(error === undefined ? {} : { error }),
    ...(previous ? { compared: { id: previous.id, startedAt: previous.startedAt, wallMs: previous.durationMs } } : {}),
    totals: totalsOf(record),
    steps,
  };
}

function summaryOf({ status, durationMs, sizeBytes }: RecordedStep): NonNullable<ProfileStep['previous']> {
  return { status, durationMs, ...(sizeBytes === undefined ? {} : { sizeBytes }) };
}

/** The same instruction of the same stage, however many steps came before it; its n-th occurrence when it stands there more than once. */
function identityOf({ platform = '', stage, name }: RecordedStep, before: readonly RecordedStep[]): string {
  const same = before.filter(
    (step) => (step.platform ?? '') === platform && step.stage === stage && step.name === name,
  );
  return JSON.stringify([platform, stage, name, same.length]);
}

function totalsOf({ durationMs, steps }: BuildRecord): ProfileTotals {
  const busyMs = Math.min(
    durationMs,
    unionOf(steps.map(({ startMs, durationMs: length }) => [startMs, startMs + length])),
  );
  const count = (status: RecordedStep['status']): number => steps.filter((step) => step.status === status).length;
  const bytes = (some: readonly RecordedStep[]): number => some.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
  return {
    wallMs: durationMs,
    busyMs,
    idleMs: durationMs - busyMs,
    stepsMs: steps.reduce((sum, step) => sum + step.durationMs, 0),
    cached: count('cached'),
    ran: count('done'),
    failed: count('failed'),
    layerBytes: bytes(steps),
    newLayerBytes: bytes(steps.filter(({ status }) => status === 'done')),
  };
}

/** Length of what intervals cover together. */
function unionOf(intervals: readonly (readonly [from: number, to: number])[]): number {
  let covered = 0;
  let end = Number.NEGATIVE_INFINITY;
  for (const [from, to] of intervals.toSorted((a, b) => a[0] - b[0])) {
    covered += Math.max(0, to - Math.max(from, end));
    end = Math.max(end, to);
  }
  return covered;
}
