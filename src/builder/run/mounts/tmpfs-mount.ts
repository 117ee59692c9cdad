import type { RunMount } from '../../../dockerfile/index.ts';
import type { RunConfig } from '../../../oci/index.ts';
import { targetOf, type StepMount } from './step-mount.ts';

/** `--mount=type=tmpfs`: an empty folder in memory, gone with the step. */
export function tmpfsMount(config: RunConfig, mount: RunMount): StepMount {
  const target = targetOf(config, mount.target);
  const { sizeBytes, readOnly } = mount;
  const options = [
    'nosuid',
    'mode=1777',
    ...(readOnly ? ['ro'] : []),
    ...(sizeBytes === undefined ? [] : [`size=${sizeBytes}`]),
  ];
  return {
    key: ['tmpfs', target, sizeBytes ?? null, readOnly],
    target,
    open: async () => ({ mounts: [{ type: 'tmpfs', source: 'tmpfs', target, options }] }),
  };
}
