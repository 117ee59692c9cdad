import type { ExecView } from '../../engine/index.ts';

/** GET /exec/{id}/json */
export function toExecInspect({ id, containerId, config, running, exitCode, pid }: ExecView) {
  return {
    ID: id,
    Running: running,
    ExitCode: exitCode,
    ProcessConfig: {
      tty: config.Tty ?? false,
      entrypoint: config.Cmd[0] ?? '',
      arguments: config.Cmd.slice(1),
      privileged: config.Privileged ?? false,
      ...(config.User === undefined || config.User === '' ? {} : { user: config.User }),
    },
    OpenStdin: config.AttachStdin ?? false,
    OpenStderr: config.AttachStderr ?? false,
    OpenStdout: config.AttachStdout ?? false,
    CanRemove: !running && exitCode !== null,
    ContainerID: containerId,
    DetachKeys: config.DetachKeys ?? '',
    Pid: pid,
  };
}

export type ExecInspect = ReturnType<typeof toExecInspect>;
