import type { ChainID } from '../../oci/index.ts';
import { alignSteps, type PlannedStep } from './align.ts';
import { changed, quoted, shortDigest, type Difference } from './difference.ts';

/** What a stage begins with. */
export interface LineageBase {
  readonly kind: 'base';
  /** As FROM resolved it; "scratch" for nothing. */
  readonly reference: string;
  /** Of the image's manifest. */
  readonly digest?: string;
  readonly platform: string;
  readonly chainId?: ChainID | undefined;
}

/** A step that may have made a layer. */
export interface LineageStep {
  readonly kind: 'step';
  readonly key: string;
  readonly text: string;
  /** Of all layers up to it. */
  readonly chainId?: ChainID | undefined;
  /** Its number and place in the build that runs. */
  readonly step?: number;
  readonly place?: string;
}

/** What lies below a step: the base, then the steps in order. */
export type Lineage = readonly (LineageBase | LineageStep)[];

/** A step whose place in the lineage is the question. */
interface Explained {
  readonly below: Lineage;
  readonly text: string;
}

/**
 * Why the layers below a step are others than those below an earlier record of it: the lowest thing that differs. Equal chain IDs mean equal files,
 * so what made them does not matter.
 */
export function parentDifference(before: Explained, now: Explained): Difference {
  const { last, lastBefore } = commonPart(before.below, now.below);
  const base = now.below[0];
  const baseBefore = before.below[0];
  if (last < 0) {
    if (base?.kind !== 'base' || baseBefore?.kind !== 'base') return unknownParent();
    return baseDifference(baseBefore, base);
  }
  return stepDifference(before, now, now.below[last + 1], before.below[lastBefore + 1], { last, lastBefore });
}

/** The topmost files both have. */
function commonPart(before: Lineage, now: Lineage): { last: number; lastBefore: number } {
  const indexes = new Map(now.map(({ chainId = '' }, index) => [chainId as string, index]));
  for (let i = before.length - 1; i >= 0; i--) {
    const last = indexes.get(before[i]!.chainId ?? '');
    if (last !== undefined) return { last, lastBefore: i };
  }
  return { last: -1, lastBefore: -1 };
}

function baseDifference(before: LineageBase, now: LineageBase): Difference {
  if (before.platform !== now.platform && before.reference === now.reference)
    return changed('platform', 'the platform', before.platform, now.platform, now.reference);
  const subject = now.reference;
  if (before.reference !== now.reference)
    return changed('base', 'the base image', before.reference, now.reference, subject);
  const [from, to] = [before.digest ?? '', now.digest ?? ''];
  return {
    cause: 'base',
    subject,
    message: `the base image ${quoted(subject)} changed from ${shortDigest(from)} to ${shortDigest(to)}`,
    before: from,
    after: to,
  };
}

function stepDifference(
  before: Explained,
  now: Explained,
  step: Lineage[number] | undefined,
  stepBefore: Lineage[number] | undefined,
  { last, lastBefore }: { last: number; lastBefore: number },
): Difference {
  const isBase = (entry: Lineage[number] | undefined): boolean => entry?.kind === 'base';
  if (isBase(step) || isBase(stepBefore)) return unknownParent();
  const [own, other] = [step as LineageStep | undefined, stepBefore as LineageStep | undefined];
  if (!own) return other ? removed(other) : unknownParent();
  if (!other) return parent(own, 'is new');
  if (own.key === other.key) return parent(own, 'ran again and gave another result');
  // The explained step stands for itself on both sides.
  const [counterpart] = alignSteps(plannedFrom(before, lastBefore + 1), plannedFrom(now, last + 1));
  if (counterpart === 0) return parent(own, 'changed');
  return counterpart === undefined ? parent(own, 'is new') : removed(other);
}

function plannedFrom({ below, text }: Explained, index: number): PlannedStep[] {
  const texts = below.slice(index).flatMap((entry) => (entry.kind === 'step' ? entry.text : []));
  return [...texts, text].map((one) => ({ kind: one.split(/\s/, 1)[0]!.toLowerCase(), text: one }));
}

function parent(step: LineageStep, what: string): Difference {
  const name = step.place === undefined ? 'a step' : `step ${step.place}`;
  const message = `${name} above it ${what} (${oneLine(step.text)})`;
  return { cause: 'parent', subject: step.text, message, ...(step.step === undefined ? {} : { parent: step.step }) };
}

function removed({ text }: LineageStep): Difference {
  return { cause: 'parent', subject: text, message: `a step above it was removed (${oneLine(text)})` };
}

function unknownParent(): Difference {
  return { cause: 'parent', message: 'the layers below it changed' };
}

const SHOWN = 60;

function oneLine(text: string): string {
  const line = text.replace(/\s*\n\s*/g, ' ');
  return line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line;
}
