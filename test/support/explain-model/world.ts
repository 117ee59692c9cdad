import type { Random } from './random.ts';

export interface ModelFile {
  content: string;
  mode: number;
  /** A link. */
  target?: string;
  time: number;
}

export interface CopyStep {
  readonly kind: 'copy';
  readonly id: string;
  /** A folder of the context, or of the first stage the place a step of it copied to. */
  source: { folder: string } | { step: string };
  dest: string;
  chown?: string;
  chmod?: string;
  /** Name of a file. */
  exclude?: string;
  /** What lies below does not matter. */
  readonly link?: boolean;
}

export interface RunStep {
  readonly kind: 'run';
  readonly id: string;
  command: string;
  network?: 'none';
  /** Size of a tmpfs. */
  tmpfs?: number;
  /** A folder of the context that is mounted. */
  bind?: string;
}

export interface WorkdirStep {
  readonly kind: 'workdir';
  readonly id: string;
  path: string;
}

/** What makes no layer. */
export type Statement =
  | { readonly kind: 'env' | 'arg'; readonly id: string; readonly name: string; value: string }
  | { readonly kind: 'user'; readonly id: string; name: string }
  | { readonly kind: 'label' | 'comment'; readonly id: string; text: string };

export type LayerStep = CopyStep | RunStep | WorkdirStep;
export type ModelStep = LayerStep | Statement;

/** A context and a Dockerfile of two stages, "one" and a last one without a name. */
export interface World {
  readonly folders: readonly string[];
  readonly files: Record<string, ModelFile>;
  ignored: string[];
  readonly stages: readonly [ModelStep[], ModelStep[]];
  buildArgs: Record<string, string>;
  /** How it came to be. */
  readonly story: readonly string[];
}

export const FOLDERS = ['f1', 'f2', 'f3'];
export const NAMES = ['a', 'b', 'c', 'd'];
/** Always there, so that no copy is empty; of a mode no --chmod gives. */
const KEPT: ModelFile = { content: 'kept', mode: 0o640, time: 1000 };
export const VARIABLES = ['ALPHA', 'BETA', 'GAMMA'];

export function isLayer(step: ModelStep): step is LayerStep {
  return step.kind === 'copy' || step.kind === 'run' || step.kind === 'workdir';
}

export function randomFile(random: Random): ModelFile {
  return { content: random.word('text'), mode: random.pick([0o644, 0o755, 0o600]), time: 1000 + random.below(1000) };
}

export function randomWorld(random: Random): World {
  const files: Record<string, ModelFile> = {};
  for (const folder of FOLDERS) files[`${folder}/kept`] = { ...KEPT };
  for (const folder of FOLDERS)
    for (const name of NAMES) if (random.chance(60)) files[`${folder}/${name}`] = randomFile(random);
  const first: ModelStep[] = Array.from({ length: 1 + random.below(2) }, () => randomCopy(random));
  const last: ModelStep[] = Array.from({ length: 3 + random.below(4) }, () => randomStep(random, first));
  return { folders: FOLDERS, files, ignored: [], stages: [first, last], buildArgs: {}, story: [] };
}

export function randomCopy(random: Random): CopyStep {
  return {
    kind: 'copy',
    id: random.word('id'),
    source: { folder: random.pick(FOLDERS) },
    dest: `/${random.word('d')}/`,
    ...(random.chance(20) ? { chown: '1:2' } : {}),
    ...(random.chance(20) ? { chmod: '644' } : {}),
    ...(random.chance(20) ? { exclude: random.pick(NAMES) } : {}),
    ...(random.chance(25) ? { link: true } : {}),
  };
}

export function randomStep(random: Random, firstStage: readonly ModelStep[]): ModelStep {
  const id = random.word('id');
  switch (random.pick(['copy', 'copy', 'from', 'run', 'run', 'workdir', 'env', 'arg', 'user', 'label'])) {
    case 'from': {
      const step = firstStage.find((one) => one.kind === 'copy');
      return step ? { kind: 'copy', id, source: { step: step.id }, dest: `/${random.word('d')}/` } : randomCopy(random);
    }
    case 'run':
      return {
        kind: 'run',
        id,
        command: random.word('make '),
        ...(random.chance(20) ? { tmpfs: 4096 } : {}),
        ...(random.chance(30) ? { bind: random.pick(FOLDERS) } : {}),
      };
    case 'workdir':
      return { kind: 'workdir', id, path: `/${random.word('w')}` };
    case 'env':
    case 'arg':
      return { kind: random.pick(['env', 'arg'] as const), id, name: random.pick(VARIABLES), value: random.word('v') };
    case 'user':
      return { kind: 'user', id, name: random.word('') };
    case 'label':
      return { kind: 'label', id, text: random.word('l') };
    default:
      return randomCopy(random);
  }
}

export function dockerfileOf(world: World): string {
  const [first, last] = world.stages;
  const lines = [
    'FROM scratch AS one',
    ...first.map((step) => textOf(step, world)),
    'FROM scratch',
    ...last.map((step) => textOf(step, world)),
  ];
  return `${lines.join('\n')}\n`;
}

/** All steps that make layers with their numbers in the build and their places, in order. */
export function layerSteps(world: World): {
  readonly id: string;
  readonly step: LayerStep;
  readonly stage: number;
  readonly number: number;
  readonly place: string;
  readonly text: string;
}[] {
  let number = 0;
  const isFirstUsed = world.stages[1].some((step) => step.kind === 'copy' && 'step' in step.source);
  return world.stages.flatMap((all, stage) => {
    if (stage === 0 && !isFirstUsed) return [];
    const steps = all.filter(isLayer);
    number++;
    return steps.map((step, index) => ({
      id: step.id,
      step,
      stage,
      number: ++number,
      place: `[${stage === 0 ? 'one' : 'stage-1'} ${index + 2}/${steps.length + 1}]`,
      text: textOf(step, world),
    }));
  });
}

export function sourceOf({ source }: CopyStep, world: World): string {
  if ('folder' in source) return source.folder;
  const step = world.stages[0].find(({ id }) => id === source.step) as CopyStep;
  return step.dest.slice(0, -1);
}

export function textOf(step: ModelStep, world: World): string {
  switch (step.kind) {
    case 'copy': {
      const flags = [
        'folder' in step.source ? '' : '--from=one ',
        step.link ? '--link ' : '',
        step.chown === undefined ? '' : `--chown=${step.chown} `,
        step.chmod === undefined ? '' : `--chmod=${step.chmod} `,
        step.exclude === undefined ? '' : `--exclude=${step.exclude} `,
      ];
      return `COPY ${flags.join('')}${sourceOf(step, world)} ${step.dest}`;
    }
    case 'run': {
      const flags = [
        step.network === undefined ? '' : '--network=none ',
        step.tmpfs === undefined ? '' : `--mount=type=tmpfs,target=/t,size=${step.tmpfs} `,
        step.bind === undefined ? '' : `--mount=type=bind,source=${step.bind},target=/m `,
      ];
      return `RUN ${flags.join('')}${step.command}`;
    }
    case 'workdir':
      return `WORKDIR ${step.path}`;
    case 'env':
      return `ENV ${step.name}=${step.value}`;
    case 'arg':
      return `ARG ${step.name}=${step.value}`;
    case 'user':
      return `USER ${step.name}`;
    case 'label':
      return `LABEL l=${step.text}`;
    case 'comment':
      return `# ${step.text}`;
  }
}
