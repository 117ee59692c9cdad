import type { ContainerConfig } from '../../engine/index.ts';
import type { RunConfig } from '../../oci/index.ts';

/** `Config` of container and image inspect: every key Docker shows, then what is set. */
export function toContainerConfig(config: ContainerConfig | RunConfig) {
  return {
    Hostname: '',
    Domainname: '',
    User: '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Env: [] as readonly string[],
    Cmd: null as readonly string[] | null,
    Image: '',
    Volumes: null as RunConfig['Volumes'] | null,
    WorkingDir: '',
    Entrypoint: null as readonly string[] | null,
    OnBuild: null as readonly string[] | null,
    Labels: {} as Readonly<Record<string, string>>,
    ...config,
  };
}
