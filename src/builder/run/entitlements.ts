import type { RunInstruction, SourceFile, Stage } from '../../dockerfile/index.ts';
import { LadingError } from '../../errors/index.ts';
import { locateFailure } from '../build-error.ts';
import type { BuildSettings } from '../types.ts';

const ENTITLEMENTS: readonly string[] = ['network.host', 'security.insecure'];

type Granting = Pick<BuildSettings, 'allow' | 'networkMode'>;

/** @throws invalid_argument for an entitlement there is not */
export function checkEntitlementNames({ allow = [] }: Granting): void {
  const unknown = allow.find((name) => !ENTITLEMENTS.includes(name));
  if (unknown !== undefined)
    throw new LadingError('invalid_argument', `unknown entitlement "${unknown}"`, {
      hint: `entitlements: ${ENTITLEMENTS.join(', ')}`,
    });
}

/** Before anything runs: the first RUN of these stages that asks for more than the user allows. @throws permission_denied with its place */
export function checkStages(stages: readonly Stage[], file: SourceFile, granting: Granting): void {
  for (const { instructions } of stages)
    for (const instruction of instructions) {
      if (instruction.kind !== 'run') continue;
      try {
        checkRun(instruction, granting);
      } catch (error) {
        throw locateFailure(error, file, instruction.location);
      }
    }
}

/** @throws permission_denied with the flag that allows it; not_implemented for devices */
export function checkRun(run: RunInstruction, granting: Granting): void {
  if (run.devices.length > 0)
    throw new LadingError('not_implemented', 'RUN --device is not supported: there are no CDI devices in builds', {
      hint: 'RUN --security=insecure has all devices of the machine',
    });
  if (run.network === 'host') checkAllowed('network.host', granting);
  if (run.security === 'insecure') checkAllowed('security.insecure', granting);
}

/** The build's own `--network host` allows the network of the host, as in buildx. */
function checkAllowed(name: string, { allow = [], networkMode }: Granting): void {
  if (allow.includes(name) || (name === 'network.host' && networkMode === 'host')) return;
  throw new LadingError('permission_denied', `${name} is not allowed`, { hint: `build with --allow ${name}` });
}
