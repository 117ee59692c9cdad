import type { AddInstruction, CopyInstruction, Instruction } from '../../dockerfile/index.ts';
import type { RunConfig } from '../../oci/index.ts';
import { goDuration, goList, goQuoteList, goQuoteRune } from './go-format.ts';
import { withoutUserinfo } from '../without-userinfo.ts';
import { joinWorkdir, portsOf, withShell } from './apply-config.ts';

export const HISTORY_COMMENT = 'buildkit.dockerfile.v0';

/** `created_by` of an expanded metadata instruction in BuildKit's words; undefined for what leaves no entry. */
export function describeMetadata(config: RunConfig, instruction: Instruction): string | undefined {
  switch (instruction.kind) {
    case 'env':
    case 'label':
      return [instruction.kind.toUpperCase(), ...instruction.pairs.map(({ key, value }) => `${key}=${value}`)].join(
        ' ',
      );
    case 'arg':
      return `ARG ${instruction.args.map((arg) => (arg.default === undefined ? arg.key : `${arg.key}=${arg.default}`)).join(' ')}`;
    case 'cmd':
    case 'entrypoint':
      return `${instruction.kind.toUpperCase()} ${goQuoteList(withShell(config, instruction))}`;
    case 'expose':
      return `EXPOSE ${goList(portsOf(instruction.ports))}`;
    case 'volume':
      return `VOLUME ${goList(instruction.volumes)}`;
    case 'user':
      return `USER ${instruction.user}`;
    case 'workdir':
      return `WORKDIR ${joinWorkdir(config, instruction.path)}`;
    case 'shell':
      return `SHELL ${goList(instruction.args)}`;
    case 'stopsignal':
      return `STOPSIGNAL ${instruction.signal}`;
    case 'maintainer':
      return `MAINTAINER ${instruction.name}`;
    case 'healthcheck': {
      const { test, intervalNs, timeoutNs, startPeriodNs, startIntervalNs, retries } = instruction;
      const durations = [intervalNs, timeoutNs, startPeriodNs, startIntervalNs].map((ns) => `"${goDuration(ns)}"`);
      return `HEALTHCHECK &{${goQuoteList(test)} ${durations.join(' ')} ${goQuoteRune(retries)}}`;
    }
    default:
      return undefined;
  }
}

/** RUN: declared arguments with their values come first, as `|1 VERSION=2 /bin/sh -c …`. */
export function describeRun(args: readonly string[], buildArgs: ReadonlyMap<string, string | undefined>): string {
  const values = [...buildArgs].map(([key, value]) => `${key}=${value ?? ''}`);
  const prefix = values.length > 0 ? [`|${values.length}`, ...values] : [];
  return `RUN ${[...prefix, ...args].join(' ')} # buildkit`;
}

/** COPY and ADD with the flags BuildKit shows. */
export function describeCopy(instruction: CopyInstruction | AddInstruction): string {
  const { kind, sources, heredocs, chown, chmod, dest } = instruction;
  const words = [kind.toUpperCase()];
  if (kind === 'copy' && instruction.parents) words.push('--parents');
  if (chown !== undefined) words.push(`--chown=${chown}`);
  if (chmod !== undefined) words.push(`--chmod=${chmod}`);
  words.push(...sources.map(withoutUserinfo), ...heredocs.map((heredoc) => `<<${heredoc.name}`), dest);
  return `${words.join(' ')} # buildkit`;
}
