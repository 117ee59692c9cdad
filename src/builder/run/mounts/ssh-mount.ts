import type { RunMount } from '../../../dockerfile/index.ts';
import { LadingError } from '../../../errors/index.ts';
import type { RunConfig } from '../../../oci/index.ts';
import { envMap } from '../../config/apply-config.ts';
import type { BuildSession } from '../../session.ts';
import { AgentProxy } from '../agent-proxy.ts';
import { fileOwner, targetOf, type StepMount } from './step-mount.ts';

const DEFAULT_MODE = 0o600;
const VARIABLE = 'SSH_AUTH_SOCK';

/**
 * `--mount=type=ssh`: a socket that forwards to the user's agent while the step runs; the agent's own is never mounted.
 * @param number of the ssh mount within its RUN
 */
export function sshMount(session: BuildSession, config: RunConfig, mount: RunMount, number: number): StepMount {
  if (mount.source) throw new LadingError('invalid_argument', 'ssh does not support source');
  const id = mount.id || 'default';
  const target = mount.target ? targetOf(config, mount.target) : `/run/buildkit/ssh_agent.${number}`;
  const owner = fileOwner(mount, DEFAULT_MODE);
  // The first one is what ssh finds by itself, unless the Dockerfile says otherwise.
  const env = number === 0 && !envMap(config.Env).has(VARIABLE) ? [`${VARIABLE}=${target}`] : [];
  return {
    key: ['ssh', id, target, owner],
    target,
    open: async ({ onRelease }) => {
      const { ssh = {} } = session.o.request;
      // The id is the Dockerfile's: "constructor" is no agent.
      const agent = Object.hasOwn(ssh, id) ? ssh[id] : undefined;
      if (agent === undefined) {
        if (mount.required) throw noAgent(id);
        return { mounts: [], env };
      }
      const folder = await session.o.scratch.folder('files');
      onRelease(folder.release);
      const proxy = await AgentProxy.open(agent, folder.path, owner);
      onRelease(() => proxy.close());
      const options = ['rbind', 'rprivate', 'nosuid', 'nodev', 'noexec'];
      return { mounts: [{ type: 'bind', source: proxy.path, target, options }], env };
    },
  };
}

function noAgent(id: string): LadingError {
  return new LadingError('invalid_argument', `unset ssh forward key ${id}`, {
    hint: `start an agent and build with --ssh ${id}, or give keys with --ssh ${id}=KEYFILE`,
  });
}
