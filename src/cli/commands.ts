import type { Command } from './command.ts';

export interface CommandEntry {
  /** All names; the first is the short form shown in general help. */
  readonly names: readonly string[];
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export const GROUPS: Readonly<Record<string, string>> = {
  builder: 'Manage the build cache',
  builds: 'Look at what builds did',
  cache: 'Look into the build cache',
  'cache mount': 'Manage cache mounts of RUN steps',
  container: 'Manage containers',
  dockerfile: 'Check and fix Dockerfiles',
  image: 'Manage images',
  manifest: 'Look at image manifests',
  network: 'Manage networks',
  registry: 'Serve a registry',
  system: 'Manage lading',
  volume: 'Manage volumes',
};

type Loader = () => Promise<{ command: Command }>;
function verb(names: string, summary: string, loader: Loader): CommandEntry {
  return { names: names.split(','), summary, load: async () => (await loader()).command };
}

/* oxfmt-ignore: a table */
// prettier-ignore
export const COMMANDS: readonly CommandEntry[] = [
  verb('run,container run', 'Create and run a new container from an image', () => import('./command/container/run.ts')),
  verb('exec,container exec', 'Execute a command in a running container', () => import('./command/container/exec.ts')),
  verb('ps,container ls,container list,container ps', 'List containers', () => import('./command/container/ls.ts')),
  verb('build,image build,builder build', 'Build an image from a Dockerfile or a program', () => import('./command/image/build.ts')),
  verb('pull,image pull', 'Download an image from a registry', () => import('./command/image/pull.ts')),
  verb('push,image push', 'Upload an image to a registry', () => import('./command/image/push.ts')),
  verb('images,image ls,image list', 'List images', () => import('./command/image/ls.ts')),
  verb('base', 'Make a base image from a distribution’s signed packages', () => import('./command/image/base.ts')),
  verb('login', 'Authenticate to a registry', () => import('./command/registry/login.ts')),
  verb('logout', 'Log out from a registry', () => import('./command/registry/logout.ts')),
  verb('version', 'Show the lading version information', () => import('./command/system/version.ts')),
  verb('info,system info', 'Display system-wide information', () => import('./command/system/info.ts')),
  verb('attach,container attach', 'Attach local standard input, output, and error streams to a running container', () => import('./command/container/attach.ts')),
  verb('commit,container commit', 'Create a new image from a container’s changes', () => import('./command/container/commit.ts')),
  verb('cp,container cp', 'Copy files/folders between a container and the local filesystem', () => import('./command/container/cp.ts')),
  verb('create,container create', 'Create a new container', () => import('./command/container/create.ts')),
  verb('diff,container diff', 'Inspect changes to files or directories on a container’s filesystem', () => import('./command/container/diff.ts')),
  verb('events,system events', 'Get real time events from the server', () => import('./command/system/events.ts')),
  verb('export,container export', 'Export a container’s filesystem as a tar archive', () => import('./command/container/export.ts')),
  verb('history,image history', 'Show the history of an image', () => import('./command/image/history.ts')),
  verb('import,image import', 'Import the contents from a tarball to create a filesystem image', () => import('./command/image/import.ts')),
  verb('inspect', 'Return low-level information on objects', () => import('./command/system/inspect.ts')),
  verb('kill,container kill', 'Kill one or more running containers', () => import('./command/container/kill.ts')),
  verb('load,image load', 'Load an image from a tar archive or STDIN', () => import('./command/image/load.ts')),
  verb('logs,container logs', 'Fetch the logs of a container', () => import('./command/container/logs.ts')),
  verb('pause,container pause', 'Pause all processes within one or more containers', () => import('./command/container/pause.ts')),
  verb('port,container port', 'List port mappings or a specific mapping for the container', () => import('./command/container/port.ts')),
  verb('rename,container rename', 'Rename a container', () => import('./command/container/rename.ts')),
  verb('restart,container restart', 'Restart one or more containers', () => import('./command/container/restart.ts')),
  verb('rm,container rm,container remove', 'Remove one or more containers', () => import('./command/container/rm.ts')),
  verb('rmi,image rm,image remove', 'Remove one or more images', () => import('./command/image/rm.ts')),
  verb('save,image save', 'Save one or more images to a tar archive (streamed to STDOUT by default)', () => import('./command/image/save.ts')),
  verb('start,container start', 'Start one or more stopped containers', () => import('./command/container/start.ts')),
  verb('stop,container stop', 'Stop one or more running containers', () => import('./command/container/stop.ts')),
  verb('tag,image tag', 'Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE', () => import('./command/image/tag.ts')),
  verb('top,container top', 'Display the running processes of a container', () => import('./command/container/top.ts')),
  verb('unpause,container unpause', 'Unpause all processes within one or more containers', () => import('./command/container/unpause.ts')),
  verb('update,container update', 'Update configuration of one or more containers', () => import('./command/container/update.ts')),
  verb('wait,container wait', 'Block until one or more containers stop, then print their exit codes', () => import('./command/container/wait.ts')),
  verb('container inspect', 'Display detailed information on one or more containers', () => import('./command/container/inspect.ts')),
  verb('container prune', 'Remove all stopped containers', () => import('./command/container/prune.ts')),
  verb('image attestations', 'Show what is attested of an image', () => import('./command/image/attestations.ts')),
  verb('image provenance', 'Print the provenance attached to an image', () => import('./command/image/provenance.ts')),
  verb('image sbom', 'Print the SBOM attached to an image', () => import('./command/image/sbom.ts')),
  verb('image inspect', 'Display detailed information on one or more images', () => import('./command/image/inspect.ts')),
  verb('image prune', 'Remove unused images', () => import('./command/image/prune.ts')),
  verb('manifest inspect', 'Display an image manifest, or manifest list', () => import('./command/manifest/inspect.ts')),
  verb('builds ls,builds list', 'List recorded builds', () => import('./command/builds/ls.ts')),
  verb('builds inspect', 'Display detailed information on one or more builds', () => import('./command/builds/inspect.ts')),
  verb('builds log,builds logs,build log', 'Show what a build’s steps printed', () => import('./command/builds/log.ts')),
  verb('builds profile,build profile', 'Draw where a build’s time and bytes went', () => import('./command/builds/profile.ts')),
  verb('builds rm,builds remove', 'Forget builds and their logs', () => import('./command/builds/rm.ts')),
  verb('cache why', 'Tell why steps of the last build were not cached', () => import('./command/cache/why.ts')),
  verb('cache mount ls,cache mount list', 'List cache mounts', () => import('./command/cache/mount-ls.ts')),
  verb('cache mount rm,cache mount remove', 'Remove cache mounts', () => import('./command/cache/mount-rm.ts')),
  verb('cache mount export', 'Export cache mounts as a tar archive', () => import('./command/cache/mount-export.ts')),
  verb('cache mount import', 'Import cache mounts from a tar archive', () => import('./command/cache/mount-import.ts')),
  verb('rebuild,image rebuild', 'Build an image again from its provenance and compare the two', () => import('./command/image/rebuild.ts')),
  verb('builder du', 'Disk usage of the build cache', () => import('./command/builder/du.ts')),
  verb('builder prune', 'Remove build cache', () => import('./command/builder/prune.ts')),
  verb('dockerfile check', 'Run the build checks on a Dockerfile, without a daemon', () => import('./command/dockerfile/check.ts')),
  verb('dockerfile fix', 'Edit what the build checks report, where an edit is safe', () => import('./command/dockerfile/fix.ts')),
  verb('network ls,network list', 'List networks', () => import('./command/network/ls.ts')),
  verb('network create', 'Create a network', () => import('./command/network/create.ts')),
  verb('network rm,network remove', 'Remove one or more networks', () => import('./command/network/rm.ts')),
  verb('network inspect', 'Display detailed information on one or more networks', () => import('./command/network/inspect.ts')),
  verb('network connect', 'Connect a container to a network', () => import('./command/network/connect.ts')),
  verb('network disconnect', 'Disconnect a container from a network', () => import('./command/network/disconnect.ts')),
  verb('network prune', 'Remove all unused networks', () => import('./command/network/prune.ts')),
  verb('volume ls,volume list', 'List volumes', () => import('./command/volume/ls.ts')),
  verb('volume create', 'Create a volume', () => import('./command/volume/create.ts')),
  verb('volume rm,volume remove', 'Remove one or more volumes', () => import('./command/volume/rm.ts')),
  verb('volume inspect', 'Display detailed information on one or more volumes', () => import('./command/volume/inspect.ts')),
  verb('volume prune', 'Remove unused local volumes', () => import('./command/volume/prune.ts')),
  verb('system df', 'Show disk usage', () => import('./command/system/df.ts')),
  verb('system prune', 'Remove unused data', () => import('./command/system/prune.ts')),
  verb('registry serve', 'Serve a registry from a folder', () => import('./command/registry/serve.ts')),
];

/** The entry the first words name and how many words that took, or the group they stop at. */
export function findCommand(
  args: readonly string[],
): { entry: CommandEntry; words: number } | { group: string } | undefined {
  const [first = '', second = '', third = '-'] = args;
  // "build log" alone builds the folder "log".
  const isFolder = first === 'build' && third.startsWith('-') && third !== '--help';
  const three = COMMANDS.find((entry) => entry.names.includes(`${first} ${second} ${third}`));
  if (three !== undefined) return { entry: three, words: 3 };
  const two = isFolder ? undefined : COMMANDS.find((entry) => entry.names.includes(`${first} ${second}`));
  if (two !== undefined) return { entry: two, words: 2 };
  const one = COMMANDS.find((entry) => entry.names.includes(first));
  if (one !== undefined) return { entry: one, words: 1 };
  if (Object.hasOwn(GROUPS, `${first} ${second}`)) return { group: `${first} ${second}` };
  return Object.hasOwn(GROUPS, first) ? { group: first } : undefined;
}
