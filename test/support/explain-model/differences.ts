import {
  layerSteps,
  sourceOf,
  type CopyStep,
  type LayerStep,
  type ModelStep,
  type RunStep,
  type WorkdirStep,
  type World,
} from './world.ts';

/** Something true that an explanation may say. */
export interface Claim {
  readonly cause: string;
  readonly message: string;
  /** Of files: how many differ in all. */
  readonly count?: number;
  /** Follows on the number of other files. */
  readonly after?: string;
}

/** Everything that is true about why a step could not be taken from an earlier build; nothing when it can. */
export function differences(before: World, now: World, id: string): Claim[] {
  const step = layerSteps(now).find((one) => one.id === id)!;
  const earlier = layerSteps(before).find((one) => one.id === id);
  if (!earlier) {
    const wasStage = layerSteps(before).some(({ stage }) => stage === step.stage);
    return [{ cause: 'new', message: wasStage ? 'it is new in the Dockerfile' : 'it was never built before' }];
  }
  const isLinked = step.step.kind === 'copy' && step.step.link === true;
  const below = isLinked ? undefined : belowDifference(before, now, id);
  return below ? [below] : ownDifferences(earlier.step, step.step, before, now);
}

/** The lowest step below that differs; steps whose layers are the same do not count. */
function belowDifference(before: World, now: World, id: string): Claim | undefined {
  const steps = stepsTo(now, id);
  const earlier = stepsTo(before, id);
  for (let i = 0; i < Math.max(steps.length, earlier.length); i++) {
    const [own, other] = [steps[i]!, earlier[i]!];
    if (own.id === id && other.id === id) return undefined;
    if (own.id === other.id) {
      if (!changesLayer(other.step, own.step, before, now)) continue;
      return { cause: 'parent', message: `step ${own.place} above it changed (${own.text})` };
    }
    if (!earlier.some((one) => one.id === own.id))
      return { cause: 'parent', message: `step ${own.place} above it is new (${own.text})` };
    return { cause: 'parent', message: `a step above it was removed (${other.text})` };
  }
  return undefined;
}

/** The fake leaves of a RUN what its process was given, which mounts and networks are no part of. */
function changesLayer(before: LayerStep, now: LayerStep, worldBefore: World, world: World): boolean {
  const isGiven = ({ cause }: Claim): boolean => ['command', 'user', 'workdir', 'env', 'arg'].includes(cause);
  const claims = ownDifferences(before, now, worldBefore, world);
  return now.kind === 'run' ? claims.some(isGiven) : claims.length > 0;
}

/** The steps of its stage up to a step, itself included. */
function stepsTo(world: World, id: string): ReturnType<typeof layerSteps> {
  const all = layerSteps(world);
  const { stage } = all.find((one) => one.id === id)!;
  const own = all.filter((one) => one.stage === stage);
  return own.slice(0, own.findIndex((one) => one.id === id) + 1);
}

function ownDifferences(before: LayerStep, now: LayerStep, worldBefore: World, world: World): Claim[] {
  if (before.kind === 'copy' && now.kind === 'copy') return copyDifferences(before, now, worldBefore, world);
  if (before.kind === 'run' && now.kind === 'run') return runDifferences(before, now, worldBefore, world);
  if (before.kind === 'workdir' && now.kind === 'workdir') return workdirDifferences(before, now, worldBefore, world);
  return [];
}

/** Folders belong to the user. */
function workdirDifferences(before: WorkdirStep, now: WorkdirStep, worldBefore: World, world: World): Claim[] {
  const users = [surroundings(before, worldBefore).user, surroundings(now, world).user] as const;
  return [
    ...(before.path === now.path ? [] : [changed('workdir', 'the folder', before.path, now.path)]),
    ...(users[0] === users[1] ? [] : [changed('user', 'the user', ...users)]),
  ];
}

function changed(cause: string, what: string, before: string, now: string): Claim {
  return { cause, message: `${what} changed from "${before}" to "${now}"` };
}

function optional(cause: string, what: string, before: string | undefined, now: string | undefined): Claim[] {
  if (before === now) return [];
  if (before === undefined) return [{ cause, message: `${what} was added: "${now}"` }];
  if (now === undefined) return [{ cause, message: `${what} was removed (it was "${before}")` }];
  return [changed(cause, what, before, now)];
}

function copyDifferences(before: CopyStep, now: CopyStep, worldBefore: World, world: World): Claim[] {
  const flags = [
    ...(before.dest === now.dest ? [] : [changed('dest', 'the destination', before.dest, now.dest)]),
    ...optional('flag', '--chown', before.chown, now.chown),
    ...optional('flag', '--chmod', before.chmod, now.chmod),
  ];
  return [...flags, ...fileClaims(readBy(before, worldBefore), readBy(now, world), worldBefore, world)];
}

interface Seen {
  readonly path: string;
  readonly type: string;
  readonly value: string;
  readonly mode: string;
  readonly owner: string;
}

interface Read {
  readonly files: ReadonlyMap<string, Seen>;
  readonly source: string;
  readonly exclude: string | undefined;
  readonly where: string;
}

function readBy(step: CopyStep, world: World): Read {
  const { source, exclude } = step;
  const folder = sourceOf(step, world).replace(/^\//, '');
  const text = sourceOf(step, world);
  if ('folder' in source) return readFolder(world, folder, text, exclude, step.chmod !== undefined);
  const made = world.stages[0].find(({ id }) => id === source.step) as CopyStep;
  const files = [...readBy(made, world).files].map(([name, seen]): [string, Seen] => [
    name,
    {
      ...seen,
      path: `${folder}/${name}`,
      mode: step.chmod !== undefined || seen.type === 'link' ? '-' : (made.chmod ?? seen.mode),
      owner: step.chown === undefined ? (made.chown ?? '0:0') : '-',
    },
  ]);
  return { files: new Map(files), source: text, exclude, where: ' from "one"' };
}

function readFolder(
  world: World,
  folder: string,
  source: string,
  exclude: string | undefined,
  sameMode: boolean,
): Read {
  const files = Object.entries(world.files).flatMap(([path, file]): [string, Seen][] => {
    const name = path.slice(folder.length + 1);
    if (!path.startsWith(`${folder}/`) || world.ignored.includes(path) || name === exclude) return [];
    const isLink = file.target !== undefined;
    const mode = sameMode || isLink ? '-' : file.mode.toString(8);
    return [[name, { path, type: isLink ? 'link' : 'file', value: file.target ?? file.content, mode, owner: '-' }]];
  });
  return { files: new Map(files), source, exclude, where: '' };
}

/** Each thing that is true of a file that differs, with the number of files that do. */
function fileClaims(before: Read, now: Read, worldBefore: World, world: World): Claim[] {
  const names = [...new Set([...before.files.keys(), ...now.files.keys()])];
  const found = names.map((name) => {
    const [old, present] = [before.files.get(name), now.files.get(name)];
    if (old && present) return changedClaims(old, present, now.where);
    return present
      ? addedClaims(name, present, before, now, worldBefore)
      : removedClaims(name, old!, before, now, world);
  });
  const count = found.filter((claims) => claims.length > 0).length;
  return found.flat().map((claim) => ({ ...claim, count }));
}

function changedClaims(before: Seen, now: Seen, where: string): Claim[] {
  const name = `"${now.path}"${where}`;
  const differs = (aspect: 'mode' | 'owner'): boolean =>
    before[aspect] !== now[aspect] && before[aspect] !== '-' && now[aspect] !== '-';
  const messages = [
    ...(before.type === now.type ? [] : [`${name} is a ${now.type} now, it was a ${before.type}`]),
    ...(before.type === now.type && before.value !== now.value
      ? [
          now.type === 'link'
            ? `the target of the link ${name} changed from "${before.value}" to "${now.value}"`
            : `the content of ${name} changed`,
        ]
      : []),
    ...(differs('mode') ? [`the mode of ${name} changed from ${before.mode} to ${now.mode}`] : []),
    ...(differs('owner') ? [`the owner of ${name} changed from ${before.owner} to ${now.owner}`] : []),
  ];
  if (messages.length === 0) return [];
  if (before.path !== now.path) return [{ cause: 'sources', message: `${name} is read now, it was "${before.path}"` }];
  return messages.map((message) => ({ cause: 'file', message }));
}

function addedClaims(name: string, now: Seen, before: Read, read: Read, worldBefore: World): Claim[] {
  const shown = `"${now.path}"${read.where}`;
  const isContext = read.where === '';
  return [
    ...(isContext && worldBefore.ignored.includes(now.path)
      ? [{ cause: 'ignore', message: `.dockerignore does not leave out ${shown} any more` }]
      : []),
    ...(before.exclude === name ? [{ cause: 'flag', message: `--exclude does not leave out ${shown} any more` }] : []),
    ...(before.source === read.source
      ? []
      : [
          {
            cause: 'sources',
            message: `${shown} is read now: the sources changed from "${before.source}" to "${read.source}"`,
          },
        ]),
    ...(isContext && worldBefore.files[now.path] ? [] : [{ cause: 'file', message: `${shown} was added` }]),
  ];
}

function removedClaims(name: string, old: Seen, before: Read, read: Read, world: World): Claim[] {
  const shown = `"${old.path}"${read.where}`;
  const isContext = read.where === '';
  return [
    ...(isContext && world.ignored.includes(old.path)
      ? [{ cause: 'ignore', message: `.dockerignore leaves out ${shown} now` }]
      : []),
    ...(read.exclude === name ? [{ cause: 'flag', message: `--exclude leaves out ${shown} now` }] : []),
    ...(before.source === read.source
      ? []
      : [
          {
            cause: 'sources',
            message: `${shown} is not read any more: the sources changed from "${before.source}" to "${read.source}"`,
          },
        ]),
    ...(isContext && world.files[old.path] ? [] : [{ cause: 'file', message: `${shown} was removed` }]),
  ];
}

function runDifferences(before: RunStep, now: RunStep, worldBefore: World, world: World): Claim[] {
  const [old, present] = [surroundings(before, worldBefore), surroundings(now, world)];
  return [
    ...(before.command === now.command ? [] : [changed('command', 'the command', before.command, now.command)]),
    ...(before.network === now.network
      ? []
      : [changed('network', 'the network', before.network ?? 'default', now.network ?? 'default')]),
    ...(old.user === present.user ? [] : [changed('user', 'the user', old.user, present.user)]),
    ...(old.cwd === present.cwd ? [] : [changed('workdir', 'the working folder', old.cwd, present.cwd)]),
    ...variableClaims(old, present),
    ...mountClaims(before, now, worldBefore, world),
  ];
}

interface Surroundings {
  readonly user: string;
  readonly cwd: string;
  /** As the process sees them, in its order. */
  readonly variables: ReadonlyMap<string, string>;
  /** Names that come from ENV. */
  readonly fixed: ReadonlySet<string>;
}

/** What the statements before a step of the last stage give it: the later of ENV and ARG wins, in the place of the ENV. */
function surroundings({ id }: LayerStep, world: World): Surroundings {
  const steps: readonly ModelStep[] = world.stages[1];
  let [user, cwd] = ['root', '/'];
  const args = new Map<string, string>();
  const env = new Map([['PATH', '']]);
  const later = new Set<string>();
  for (const step of steps.slice(
    0,
    steps.findIndex((one) => one.id === id),
  )) {
    if (step.kind === 'user') user = step.name;
    if (step.kind === 'workdir') cwd = step.path;
    if (step.kind === 'env') {
      env.set(step.name, step.value);
      later.delete(step.name);
    }
    if (step.kind !== 'arg') continue;
    args.set(step.name, world.buildArgs[step.name] ?? step.value);
    if (env.has(step.name)) later.add(step.name);
  }
  const seen = [...env].map(([name, value]): [string, string] => [name, later.has(name) ? args.get(name)! : value]);
  const fixed = new Set([...env.keys()].filter((name) => !later.has(name)));
  return { user, cwd, variables: new Map([...args, ...seen]), fixed };
}

function variableClaims(before: Surroundings, now: Surroundings): Claim[] {
  const names = [...new Set([...before.variables.keys(), ...now.variables.keys()])];
  const claims = names.flatMap((name) => {
    const { fixed } = now.variables.has(name) ? now : before;
    const cause = fixed.has(name) ? 'env' : 'arg';
    return optional(cause, `${cause.toUpperCase()} ${name}`, before.variables.get(name), now.variables.get(name));
  });
  const order = ({ variables }: Surroundings): string => [...variables.keys()].join();
  if (claims.length > 0 || order(before) === order(now)) return claims;
  return [{ cause: 'env', message: 'the order of the environment variables changed' }];
}

function mountClaims(before: RunStep, now: RunStep, worldBefore: World, world: World): Claim[] {
  const [tmpfs, bind] = ['--mount=type=tmpfs,target=/t', '--mount=type=bind,target=/m'];
  const claims: Claim[] = [];
  const isThere = (mount: string, old: unknown, present: unknown): void => {
    if ((old === undefined) !== (present === undefined))
      claims.push({ cause: 'mount', message: `${mount} was ${present === undefined ? 'removed' : 'added'}` });
  };
  isThere(tmpfs, before.tmpfs, now.tmpfs);
  isThere(bind, before.bind, now.bind);
  if (before.tmpfs !== now.tmpfs && before.tmpfs !== undefined && now.tmpfs !== undefined)
    claims.push(changed('mount', `size of ${tmpfs}`, String(before.tmpfs), String(now.tmpfs)));
  if (before.bind === undefined || now.bind === undefined) return claims;
  const [old, present] = [before.bind, now.bind].map((folder, i) =>
    readFolder(i === 0 ? worldBefore : world, folder, folder, undefined, false),
  );
  const files = fileClaims(old!, present!, worldBefore, world);
  return [...claims, ...files.map((claim) => ({ ...claim, after: `, seen by ${bind}` }))];
}
