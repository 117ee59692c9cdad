import { chmod, chown, writeFile } from 'node:fs/promises';
import { posix } from 'node:path';
import type { RunMount } from '../../../dockerfile/index.ts';
import { LadingError } from '../../../errors/index.ts';
import type { RunConfig } from '../../../oci/index.ts';
import type { BuildSession } from '../../session.ts';
import { fileOwner, targetOf, type Opening, type OpenedMount, type Owner, type StepMount } from './step-mount.ts';

const DEFAULT_MODE = 0o400;
/** BuildKit's limit. */
const MAX_SECRET_BYTES = 500 * 1024;

/**
 * `--mount=type=secret`: a file in memory, a variable, or both. Its id and place count for the cache key, its bytes never do; nothing is
 * mounted when the build was given none, unless it is required.
 */
export function secretMount(session: BuildSession, config: RunConfig, mount: RunMount): StepMount {
  const id = secretId(mount);
  const target = placeOf(config, mount, id);
  const variable = mount.env === undefined ? undefined : mount.env || posix.basename(id);
  const owner = fileOwner(mount, DEFAULT_MODE);
  return {
    key: ['secret', id, target ?? null, variable ?? null, owner],
    ...(target === undefined ? {} : { target }),
    open: async (opening) => {
      const value = session.o.request.secrets?.get(id);
      if (value === undefined) return missing(id, mount, variable);
      if (value.length > MAX_SECRET_BYTES)
        throw new LadingError('invalid_argument', `secret ${id}: ${value.length} bytes, more than ${MAX_SECRET_BYTES}`);
      return {
        mounts: target === undefined ? [] : [await mountFile(session, opening, { value, target, owner })],
        env: variable === undefined ? [] : [`${variable}=${Buffer.from(value).toString('utf8')}`],
        secrets: [value],
      };
    },
  };
}

function secretId({ id, source, target }: RunMount): string {
  const found = source || id || (target === undefined ? '' : posix.basename(target));
  if (found !== '') return found;
  throw new LadingError('invalid_argument', 'invalid secret mount. one of source, target required');
}

/** Undefined for a secret that is a variable only. */
function placeOf(config: RunConfig, { target, env }: RunMount, id: string): string | undefined {
  if (target !== undefined && target !== '') return targetOf(config, target);
  return env === undefined ? `/run/secrets/${posix.basename(id)}` : undefined;
}

/** As in BuildKit a variable without value is set and empty. @throws not_found */
function missing(id: string, { required }: RunMount, variable: string | undefined): OpenedMount {
  if (required)
    throw new LadingError('not_found', `secret ${id}: not found`, {
      hint: `give it with --secret id=${id},src=FILE or --secret id=${id},env=VARIABLE`,
    });
  return { mounts: [], env: variable === undefined ? [] : [`${variable}=`] };
}

/** The file is on a file system in memory, below a folder of root's: it reaches no disk and no layer. */
async function mountFile(
  session: BuildSession,
  { onRelease }: Opening,
  { value, target, owner }: { value: Uint8Array; target: string; owner: Owner },
): Promise<OpenedMount['mounts'][number]> {
  const memory = await session.o.scratch.memory(value.length);
  onRelease(memory.release);
  const path = posix.join(memory.path, 'secret');
  await writeFile(path, value, { mode: 0o600, flag: 'wx' });
  await chown(path, owner.uid, owner.gid);
  await chmod(path, owner.mode);
  const options = ['rbind', 'rprivate', 'ro', 'nosuid', 'nodev', 'noexec'];
  return { type: 'bind', source: path, target, options };
}
