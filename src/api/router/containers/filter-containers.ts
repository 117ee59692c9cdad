import type { ContainerView, Engine, Filters } from '../../../engine/index.ts';
import { isLadingError, LadingError } from '../../../errors/index.ts';
import { isRunning, splitPort } from '../../types/index.ts';
import { matchesLabels, matchesName } from '../filters.ts';

export const CONTAINER_FILTERS = [
  'ancestor',
  'before',
  'expose',
  'exited',
  'health',
  'id',
  'isolation',
  'is-task',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
] as const;

type Test = (view: ContainerView, value: string) => boolean;

const STATUSES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];

/** Filters that look at one container: any value may match. */
const TESTS: Readonly<Record<string, Test>> = {
  id: (view, value) => view.id.startsWith(value),
  name: (view, value) => matchesName(value, [view.name, `/${view.name}`]),
  status: (view, value) => view.state.status === value,
  exited: (view, value) =>
    !isRunning(view.state) && view.state.exitCode === Number(value) && view.state.status !== 'created',
  health: (view, value) => (view.state.health?.status || 'none') === value,
  volume: (view, value) => view.mounts.some((mount) => mount.name === value || mount.destination === value),
  network: (view, value) =>
    view.endpoints.some(({ networkName, networkId }) => networkName === value || networkId.startsWith(value)),
  publish: (view, value) =>
    Object.entries(view.ports).some(
      ([port, bindings]) =>
        bindings !== null &&
        bindings.some(({ HostPort }) =>
          inRange(value, { number: Number(HostPort), protocol: splitPort(port).protocol }),
        ),
    ),
  expose: (view, value) =>
    [...Object.keys(view.config.ExposedPorts ?? {}), ...Object.keys(view.ports)].some((port) =>
      inRange(value, splitPort(port)),
    ),
  'is-task': (_view, value) => value === 'false',
};

/** "80", "80/udp", "8000-8080/tcp" */
function inRange(value: string, port: { number: number; protocol: string }): boolean {
  const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?(?:\/(\w+))?$/.exec(value);
  if (match === null) throw new LadingError('invalid_argument', `invalid port filter: "${value.slice(0, 100)}"`);
  const [, first, last = first, protocol = 'tcp'] = match;
  return port.protocol === protocol && port.number >= Number(first) && port.number <= Number(last);
}

async function ancestorIds(engine: Engine, values: readonly string[]): Promise<Set<string>> {
  const ids = new Set<string>();
  for (const value of values)
    try {
      ids.add((await engine.images.get(value)).id);
    } catch (error) {
      if (!isLadingError(error, 'not_found')) throw error;
    }
  return ids;
}

async function createdAt(engine: Engine, values: readonly string[] | undefined): Promise<number | undefined> {
  const ref = values?.at(-1);
  return ref === undefined ? undefined : Date.parse((await engine.containers.get(ref)).createdAt);
}

export interface ListOptions {
  readonly all: boolean;
  readonly limit: number | undefined;
  readonly filters: Filters;
}

/** Docker's `ps` rules. Filters of different names must all match, values of one name any (labels: all). */
export async function filterContainers(
  engine: Engine,
  views: readonly ContainerView[],
  { all, limit = 0, filters }: ListOptions,
): Promise<ContainerView[]> {
  for (const status of filters['status'] ?? [])
    if (!STATUSES.includes(status))
      throw new LadingError('invalid_argument', `invalid filter 'status=${status.slice(0, 100)}'`);
  const before = await createdAt(engine, filters['before']);
  const since = await createdAt(engine, filters['since']);
  const ancestors = filters['ancestor'] === undefined ? undefined : await ancestorIds(engine, filters['ancestor']);
  const everything = all || limit > 0 || filters['status'] !== undefined;
  const chosen = views.filter((view) => {
    const created = Date.parse(view.createdAt);
    if (!everything && !isRunning(view.state)) return false;
    if (before !== undefined && created >= before) return false;
    if (since !== undefined && created <= since) return false;
    if (ancestors !== undefined && !ancestors.has(view.imageId)) return false;
    if (!matchesLabels(filters['label'], view.config.Labels ?? {})) return false;
    return Object.entries(TESTS).every(
      ([name, test]) => filters[name] === undefined || filters[name].some((value) => test(view, value)),
    );
  });
  return limit > 0 ? chosen.slice(0, limit) : chosen;
}
