import { statementFiles } from '../attest/statement-files.ts';
import { asStep, type Exporting } from './exporting.ts';
import type { FilesOutput } from './output-options.ts';
import { rootfsTar } from './rootfs-tar.ts';

/** `type=local` and `type=tar`: the result's files, not an image. */
export async function exportFiles(output: FilesOutput, exporting: Exporting): Promise<undefined> {
  const { built, platforms, attestor, scratch, dependencies, streams, onEvent, signal } = exporting;
  const { tar, dest, mode } = output;
  const epoch = built[0]?.epoch;
  const options = {
    scratch,
    snapshotter: dependencies.snapshotter,
    split: output.platformSplit ?? exporting.withIndex,
    clampMtime: epoch === undefined ? undefined : Date.parse(epoch) / 1000,
    beside: (i: number, path: string) => statementFiles(path, built[i]!, attestor, signal),
    signal,
  };
  await asStep(exporting.progress, `exporting to client ${tar ? 'tarball' : 'directory'}`, () =>
    streams.offer(
      () => rootfsTar(platforms, options),
      (id) =>
        onEvent(tar ? { kind: 'export', id, form: 'tar', dest } : { kind: 'export', id, form: 'local', dest, mode }),
      { signal },
    ),
  );
}
