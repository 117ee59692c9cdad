import type { Random } from './random.ts';
import {
  FOLDERS,
  NAMES,
  VARIABLES,
  randomFile,
  randomStep,
  type CopyStep,
  type ModelStep,
  type RunStep,
  type World,
} from './world.ts';

/** Changes the world and says how; undefined when there is nothing to change. */
type Mutation = (world: World, random: Random) => string | undefined;

const FILES: readonly Mutation[] = [
  withFile((file, random) => {
    if (file.target !== undefined) file.target = random.word('to');
    else file.content = random.word('text');
    return 'content';
  }),
  withFile((file) => {
    file.mode = file.mode === 0o755 ? 0o644 : 0o755;
    return 'mode';
  }),
  withFile((file, random) => {
    if (file.target === undefined) file.target = random.word('to');
    else delete file.target;
    return 'kind';
  }),
  withFile((file) => {
    file.time += 17;
    return 'time';
  }),
  (world, random) => {
    const path = random.pick(changeable(world));
    if (path === undefined) return undefined;
    delete world.files[path];
    return `remove ${path}`;
  },
  (world, random) => {
    const path = `${random.pick(FOLDERS)}/${random.pick(NAMES)}`;
    if (world.files[path]) return undefined;
    world.files[path] = randomFile(random);
    return `add ${path}`;
  },
  (world, random) => {
    const path = `${random.pick(FOLDERS)}/${random.pick(NAMES)}`;
    const isIgnored = world.ignored.includes(path);
    world.ignored = isIgnored ? world.ignored.filter((one) => one !== path) : [...world.ignored, path];
    return `${isIgnored ? 'include' : 'ignore'} ${path}`;
  },
];

const EDITS: readonly Mutation[] = [
  withStep('copy', (step: CopyStep, random) => {
    step.dest = `/${random.word('d')}/`;
    return 'dest';
  }),
  withStep('copy', (step: CopyStep) => {
    if (step.chown === '1:2') step.chown = '3:4';
    else if (step.chown === undefined) step.chown = '1:2';
    else delete step.chown;
    return 'chown';
  }),
  withStep('copy', (step: CopyStep) => {
    // A copy of a copy may have these modes already: then its layer is the same.
    if (!('folder' in step.source)) return undefined;
    if (step.chmod === '644') step.chmod = '600';
    else if (step.chmod === undefined) step.chmod = '644';
    else delete step.chmod;
    return 'chmod';
  }),
  withStep('copy', (step: CopyStep, random) => {
    if (!('folder' in step.source)) return undefined;
    if (step.exclude === undefined || random.chance(50)) step.exclude = random.pick(NAMES);
    else delete step.exclude;
    return 'exclude';
  }),
  withStep('copy', (step: CopyStep, random) => {
    if (!('folder' in step.source)) return undefined;
    step.source = { folder: random.pick(FOLDERS) };
    return 'source';
  }),
  withStep('run', (step: RunStep, random) => {
    step.command = random.word('make ');
    return 'command';
  }),
  withStep('run', (step: RunStep) => {
    if (step.network) delete step.network;
    else step.network = 'none';
    return 'network';
  }),
  withStep('run', (step: RunStep) => {
    if (step.tmpfs === 4096) step.tmpfs = 8192;
    else if (step.tmpfs === undefined) step.tmpfs = 4096;
    else delete step.tmpfs;
    return 'tmpfs';
  }),
  withStep('run', (step: RunStep, random) => {
    if (step.bind === undefined) step.bind = random.pick(FOLDERS);
    else delete step.bind;
    return 'bind';
  }),
  withStep('workdir', (step: Extract<ModelStep, { kind: 'workdir' }>, random) => {
    step.path = `/${random.word('w')}`;
    return 'path';
  }),
  ...(['env', 'arg'] as const).map((kind) =>
    withStep(kind, (step: Extract<ModelStep, { name: string; value: string }>, random) => {
      step.value = random.word('v');
      return 'value';
    }),
  ),
  withStep('user', (step: Extract<ModelStep, { kind: 'user' }>, random) => {
    step.name = random.word('');
    return 'name';
  }),
  withStep('label', (step: Extract<ModelStep, { kind: 'label' | 'comment' }>, random) => {
    step.text = random.word('l');
    return 'text';
  }),
  (world, random) => {
    const name = random.pick(VARIABLES);
    world.buildArgs = { ...world.buildArgs, [name]: random.word('b') };
    return `--build-arg ${name}`;
  },
];

const STRUCTURE: readonly Mutation[] = [
  (world, random) => {
    const step = randomStep(random, world.stages[0]);
    world.stages[1].splice(random.below(world.stages[1].length + 1), 0, step);
    return `insert ${step.kind} ${step.id}`;
  },
  (world, random) => {
    const [removed] = world.stages[1].splice(random.below(world.stages[1].length), 1);
    return removed && `delete ${removed.kind} ${removed.id}`;
  },
  (world, random) => {
    const step: ModelStep = { kind: 'comment', id: random.word('id'), text: random.word('c') };
    world.stages[1].splice(random.below(world.stages[1].length + 1), 0, step);
    return 'comment';
  },
];

/** A copy of the world with one or several changes. Steps come and go alone: a step that goes beside one that comes looks like a change of it. */
export function mutate(before: World, random: Random): World {
  const world = structuredClone(before) as World;
  const kinds = random.chance(30) ? [FILES, STRUCTURE] : [FILES, EDITS, EDITS];
  const story: string[] = [];
  const wanted = 1 + random.below(3);
  for (let tries = 0; story.length < wanted && tries < 20; tries++) {
    const kind = random.pick(kinds);
    if (kind === STRUCTURE && story.some((one) => /^(?:insert|delete)/.test(one))) continue;
    const told = random.pick(kind)(world, random);
    if (told !== undefined) story.push(told);
  }
  return { ...world, story };
}

function changeable({ files }: World): string[] {
  return Object.keys(files).filter((path) => !path.endsWith('/kept'));
}

function withFile(change: (file: World['files'][string], random: Random) => string): Mutation {
  return (world, random) => {
    const path = random.pick(changeable(world));
    return path === undefined ? undefined : `${change(world.files[path]!, random)} of ${path}`;
  };
}

function withStep<Step extends ModelStep>(
  kind: Step['kind'] & string,
  change: (step: Step, random: Random) => string | undefined,
): Mutation {
  return (world, random) => {
    const steps = world.stages.flat().filter((step) => step.kind === kind);
    if (steps.length === 0) return undefined;
    const step = random.pick(steps) as Step;
    const told = change(step, random);
    return told && `${told} of ${kind} ${step.id}`;
  };
}
