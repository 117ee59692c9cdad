import { Problem } from '../dockerfile-error.ts';
import type { Node } from '../parser/parser.ts';
import { atLeastOne, baseOf } from './base.ts';
import { parseFlags } from './flags.ts';
import { parseDuration } from './go-values.ts';
import type { HealthcheckInstruction } from './types.ts';

const FLAGS = {
  interval: 'string',
  timeout: 'string',
  'start-period': 'string',
  'start-interval': 'string',
  retries: 'string',
} as const;

const DEFAULTS = { intervalNs: 0, timeoutNs: 0, startPeriodNs: 0, startIntervalNs: 0, retries: 0 };
const MIN_INTERVAL_NS = 1e6;

export function parseHealthcheck(node: Node): HealthcheckInstruction {
  atLeastOne(node);
  const [first = '', ...args] = node.args;
  const type = first.toUpperCase();
  const base = { ...baseOf(node, 'healthcheck'), ...DEFAULTS };
  if (type === 'NONE') {
    if (args.length > 0) throw new Problem('HEALTHCHECK NONE takes no arguments');
    return { ...base, none: true, test: ['NONE'] };
  }
  const flags = parseFlags(node.flags, FLAGS);
  if (type !== 'CMD') throw new Problem(`Unknown type ${JSON.stringify(type)} in HEALTHCHECK (try CMD)`, first);
  if (args.length === 0) throw new Problem('Missing command after HEALTHCHECK CMD');
  return {
    ...base,
    none: false,
    test: [node.json ? 'CMD' : 'CMD-SHELL', ...args],
    intervalNs: interval('interval', flags.interval),
    timeoutNs: interval('timeout', flags.timeout),
    startPeriodNs: interval('start-period', flags['start-period']),
    startIntervalNs: interval('start-interval', flags['start-interval']),
    retries: retries(flags.retries),
  };
}

function interval(name: string, text: string | undefined): number {
  if (!text) return 0;
  const ns = parseDuration(text);
  if (ns !== 0 && ns < MIN_INTERVAL_NS) throw new Problem(`Interval "${name}" cannot be less than 1ms`, text);
  return ns;
}

function retries(text: string | undefined): number {
  if (!text) return 0;
  const quoted = JSON.stringify(text);
  if (!/^[-+]?\d+$/.test(text)) throw new Problem(`strconv.ParseInt: parsing ${quoted}: invalid syntax`, text);
  const value = Number(text);
  if (value >= 2 ** 31) throw new Problem(`strconv.ParseInt: parsing ${quoted}: value out of range`, text);
  if (value < 0) throw new Problem(`--retries cannot be negative (${value})`, text);
  return value;
}
