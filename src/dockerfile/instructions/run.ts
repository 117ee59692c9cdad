import { Problem } from '../dockerfile-error.ts';
import { heredocMarkOf, heredocText, type Heredoc } from '../parser/heredoc.ts';
import type { Node } from '../parser/parser.ts';
import { baseOf } from './base.ts';
import { parseFlags } from './flags.ts';
import { parseDevice } from './run-device.ts';
import { parseMount } from './run-mount.ts';
import type { RunInstruction } from './types.ts';

const NETWORKS = ['default', 'none', 'host'] as const;
const SECURITIES = ['sandbox', 'insecure'] as const;

export function parseRun(node: Node): RunInstruction {
  const flags = parseFlags(node.flags, { mount: 'strings', network: 'string', security: 'string', device: 'strings' });
  const network = NETWORKS.find((mode) => mode === flags.network);
  if (flags.network !== undefined && !network)
    throw new Problem(`invalid network mode ${JSON.stringify(flags.network)}`, flags.network);
  const security = SECURITIES.find((mode) => mode === flags.security);
  if (flags.security !== undefined && !security)
    throw new Problem(`security ${JSON.stringify(flags.security)} is not valid`, flags.security);
  const mountSpecs = flags.mount ?? [];
  return {
    ...baseOf(node, 'run'),
    form: node.json ? 'exec' : 'shell',
    args: node.args,
    heredocs: node.heredocs,
    mountSpecs,
    mounts: mountSpecs.map((spec) => parseMount(spec)),
    devices: (flags.device ?? []).map(parseDevice),
    ...(network && { network }),
    ...(security && { security }),
  };
}

/**
 * What a RUN with its here-documents asks for. `RUN <<EOF` is a script: a `file` to execute when it starts with
 * "#!", else text for the shell. Anything else is given to the shell with its here-documents put back.
 */
export function runCommand(
  run: RunInstruction,
): { readonly kind: 'args'; readonly args: readonly string[] } | { readonly kind: 'file'; readonly file: Heredoc } {
  const [first] = run.heredocs;
  if (!first) return { kind: 'args', args: run.args };
  const line = run.args[0] ?? '';
  if (!heredocMarkOf(line)) {
    const bodies = run.heredocs.map(heredocText);
    return { kind: 'args', args: [line + bodies.join('')] };
  }
  return first.content.startsWith('#!') ? { kind: 'file', file: first } : { kind: 'args', args: [first.content] };
}
