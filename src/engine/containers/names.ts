import { randomInt } from 'node:crypto';
import { LadingError } from '../../errors/index.ts';

const NAME = /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** The name without a leading slash. @throws invalid_argument in Docker's words */
export function checkContainerName(name: string): string {
  if (!NAME.test(name) || name.length > 255)
    throw new LadingError(
      'invalid_argument',
      `Invalid container name (${name.slice(0, 300)}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  return name.replace(/^\//, '');
}

const QUALITIES =
  'able amber bold brisk calm clear deft early fair fleet fresh gentle glad grand keen kind lively lucid merry mild neat noble patient plain proud quick quiet ready sharp smooth steady still sunny swift tidy true vivid warm wise young'.split(
    ' ',
  );
const VESSELS =
  'argosy barge bark brig canoe caravel carrack clipper coaster cog corvette cutter dhow dinghy dory ferry frigate galleon galley gig hoy hulk junk kayak ketch lighter lugger packet pinnace pram punt schooner scow sampan skiff sloop smack steamer tender tug whaler xebec yacht yawl'.split(
    ' ',
  );

/** A readable name nobody has: quality_vessel, with a number when that is taken. */
export function generateName(isTaken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const name = `${QUALITIES[randomInt(QUALITIES.length)]}_${VESSELS[randomInt(VESSELS.length)]}${attempt < 3 ? '' : randomInt(10_000)}`;
    if (!isTaken(name)) return name;
  }
}
