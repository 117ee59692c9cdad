import { LadingError } from '../../errors/index.ts';
import type { RunConfig } from '../../oci/index.ts';
import type { ContainerConfig } from '../types.ts';

/**
 * A container's configuration over its image's, by Docker's rules: environment, labels, ports and volumes join, with the container's winning;
 * an entrypoint given by the user drops the image's command.
 * @throws invalid_argument "no command specified"
 */
export function mergeConfig(image: RunConfig, asked: ContainerConfig): ContainerConfig {
  const given = (list: readonly string[] | null | undefined): list is readonly string[] =>
    list !== undefined && list !== null;
  // Docker's client sends [""] for `--entrypoint ""`: no entrypoint at all.
  const cleared = given(asked.Entrypoint) && asked.Entrypoint.length === 1 && asked.Entrypoint[0] === '';
  const ownEntrypoint = given(asked.Entrypoint) && asked.Entrypoint.length > 0 && !cleared;
  const entrypoint = cleared ? null : ownEntrypoint ? asked.Entrypoint : (image.Entrypoint ?? null);
  const ownCmd = given(asked.Cmd) && asked.Cmd.length > 0;
  const cmd = ownCmd ? asked.Cmd : ownEntrypoint || cleared ? null : (image.Cmd ?? null);
  const merged: ContainerConfig = {
    ...asked,
    Entrypoint: entrypoint ?? null,
    Cmd: cmd ?? null,
    Env: mergeEnv(image.Env ?? [], asked.Env ?? []),
    Labels: { ...image.Labels, ...asked.Labels },
    ExposedPorts: { ...image.ExposedPorts, ...asked.ExposedPorts },
    Volumes: { ...image.Volumes, ...asked.Volumes },
    User: asked.User || image.User || '',
    WorkingDir: asked.WorkingDir || image.WorkingDir || '',
    ...optional('StopSignal', asked.StopSignal || image.StopSignal),
    ...optional('Healthcheck', asked.Healthcheck ?? image.Healthcheck),
    ...optional('Shell', asked.Shell ?? image.Shell),
  };
  if ((merged.Entrypoint ?? []).length + (merged.Cmd ?? []).length === 0)
    throw new LadingError('invalid_argument', 'no command specified', {
      hint: 'name a program after the image, or give the image a CMD',
    });
  if (merged.WorkingDir && !merged.WorkingDir.startsWith('/'))
    throw new LadingError(
      'invalid_argument',
      `the working directory '${merged.WorkingDir}' is invalid, it needs to be an absolute path`,
    );
  return merged;
}

function optional<K extends string, V>(key: K, value: V | undefined): Partial<Record<K, V>> {
  return value === undefined || value === '' ? {} : ({ [key]: value } as Record<K, V>);
}

/** Later values win, order of first appearance kept. A bare NAME in the container's list removes the image's variable. */
export function mergeEnv(base: readonly string[], own: readonly string[]): string[] {
  const values = new Map<string, string>();
  for (const entry of [...base, ...own]) {
    const at = entry.indexOf('=');
    if (at < 0) values.delete(entry);
    else values.set(entry.slice(0, at), entry.slice(at + 1));
  }
  return [...values].map(([name, value]) => `${name}=${value}`);
}
