import { existsSync } from 'node:fs';
import type { ContainerSpec, Namespace } from '../runtime.ts';
import { evaluateSeccomp } from '../seccomp/index.ts';
import { boundingCapabilities } from './capabilities.ts';
import { deviceAccessOf } from './devices.ts';
import { argsWithInit, mountsOf, rootfsPropagationOf } from './mounts.ts';
import type { OciLinux, OciNamespace, OciSpec } from './oci-spec.ts';
import { restrictedPathsOf } from './paths.ts';
import { ociProcessOf } from './process.ts';
import { resourcesOf } from './resources.ts';
import { oomScoreOf, rlimitsOf, type Warn } from './rlimits.ts';
import { parseSecurityOptions, type SecurityOptions } from './security-options.ts';

/** Lets ordinary users ping and listen below 1024, which is harmless in a namespace of one's own (Docker since 20.10). */
const NETWORK_SYSCTLS: Readonly<Record<string, string>> = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
};

/**
 * The bundle's config.json: Docker's defaults where the spec says nothing. Limits this machine refuses are cut and
 * reported through `warn`.
 * @throws invalid_argument naming what cannot be: an unknown capability, user, option or device
 */
export function ociSpecOf(spec: ContainerSpec, warn: Warn): OciSpec {
  const security = parseSecurityOptions(spec.securityOpt, spec.privileged);
  const bounding = boundingCapabilities(spec);
  const oomScoreAdj = oomScoreOf(spec.oomScoreAdj, warn);
  const confinement = {
    bounding,
    rlimits: rlimitsOf(spec.ulimits, warn),
    noNewPrivileges: security.noNewPrivileges,
    ...(security.apparmor === undefined ? {} : { apparmorProfile: security.apparmor }),
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj }),
  };
  const ownHostname = spec.namespaces.uts === 'new' && spec.hostname !== '';
  return {
    ociVersion: '1.0.2',
    process: ociProcessOf(
      spec.process,
      argsWithInit(spec),
      spec.rootfs,
      confinement,
      spec.hostnameInEnv === false ? undefined : spec.hostname,
    ),
    root: { path: spec.rootfs, readonly: spec.readonlyRootfs },
    ...(ownHostname ? { hostname: spec.hostname } : {}),
    mounts: mountsOf(spec),
    annotations: spec.annotations,
    linux: linuxOf(spec, security, bounding, warn),
  };
}

function linuxOf(spec: ContainerSpec, security: SecurityOptions, bounding: readonly string[], warn: Warn): OciLinux {
  const { devices, rules } = deviceAccessOf(spec);
  const propagation = rootfsPropagationOf(spec.mounts);
  return {
    namespaces: namespacesOf(spec),
    resources: { devices: rules, ...resourcesOf(spec.resources, warn) },
    cgroupsPath: spec.cgroupPath,
    devices,
    sysctl: sysctlsOf(spec),
    ...(security.seccomp ? { seccomp: evaluateSeccomp(security.seccomp, bounding) } : {}),
    ...restrictedPathsOf(spec, security.systemPathsUnconfined),
    ...(propagation === undefined ? {} : { rootfsPropagation: propagation }),
  };
}

function namespacesOf({ namespaces }: ContainerSpec): OciNamespace[] {
  const { pid, network, ipc, uts, cgroup } = namespaces;
  return [
    { type: 'mount' },
    ...namespaceOf('pid', pid),
    ...namespaceOf('network', network),
    ...namespaceOf('ipc', ipc),
    ...namespaceOf('uts', uts),
    ...namespaceOf('cgroup', cgroup),
  ];
}

function namespaceOf(type: OciNamespace['type'], from: Namespace): OciNamespace[] {
  if (from === 'host') return [];
  return [from === 'new' ? { type } : { type, path: from.path }];
}

function sysctlsOf({ sysctls, namespaces, domainname }: ContainerSpec): Record<string, string> {
  const network = namespaces.network === 'host' ? {} : NETWORK_SYSCTLS;
  const known = Object.entries(network).filter(([name]) => existsSync(`/proc/sys/${name.replaceAll('.', '/')}`));
  const domain = domainname && namespaces.uts === 'new' ? { 'kernel.domainname': domainname } : {};
  return { ...Object.fromEntries(known), ...domain, ...sysctls };
}
