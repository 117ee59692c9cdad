import { LadingError } from '../errors/index.ts';
import type { ProgramInput } from './build-options.ts';
import { Image } from './image.ts';
import { nodeOfStage } from './node.ts';
import { planTargets, type Plan, type PlanOptions } from './plan.ts';

/** Images by the names that `--target` takes. Without it the one named "default" is built, else the last. */
export type Targets = Readonly<Record<string, Image>>;

/** What a program exports as its default: an image, several by name, or a function that gives either. */
export type Program = Image | Targets | ((input: ProgramInput) => Image | Targets | Promise<Image | Targets>);

const TARGET_NAME = /^[a-z][a-z0-9\-_.]*$/;

/** The plan of several images. */
export function plan(targets: Image | Targets, options: PlanOptions = {}): Plan {
  return planTargets(targetsOf(targets), options);
}

/** Reads what a program exported. @throws invalid_argument for anything but images */
export function targetsOf(value: unknown): Map<string, Image> {
  if (isImage(value)) return new Map([['', value]]);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw notAnImage('the default export', value);
  const targets = new Map<string, Image>();
  for (const [name, image] of Object.entries(value)) {
    if (!isImage(image)) throw notAnImage(`"${name}" of the default export`, image);
    if (!TARGET_NAME.test(name))
      throw new LadingError('invalid_argument', `invalid target name ${JSON.stringify(name)}`, {
        hint: 'a name begins with a lower-case letter; digits, "-", "_" and "." may follow',
      });
    targets.set(name, image);
  }
  if (targets.size === 0) throw notAnImage('the default export', 'an empty object');
  return targets;
}

function isImage(value: unknown): value is Image {
  return value instanceof Image && nodeOfStage(value) !== undefined;
}

function notAnImage(what: string, value: unknown): LadingError {
  const found = value === undefined ? 'missing' : typeof value === 'string' ? value : `of type ${typeof value}`;
  return new LadingError('invalid_argument', `${what} is ${found}: an image is wanted`, {
    hint: "for example: export default image('debian:trixie').run('…'); an object of images by name, or a function that returns either",
  });
}
