import { constants } from 'node:os';
import { LadingError } from '../errors/index.ts';

const RTMIN = 34;
const RTMAX = 64;

/** The number of a signal given by number or name, with or without SIG; RTMIN+n too. @throws invalid_argument */
export function signalNumber(signal: string | number): number {
  const text = String(signal).trim().toUpperCase();
  const number = /^\d+$/.test(text) ? Number(text) : byName(text.replace(/^SIG/, ''));
  if (number !== undefined && number >= 1 && number <= RTMAX) return number;
  throw new LadingError('invalid_argument', `Invalid signal: ${signal}`);
}

function byName(name: string): number | undefined {
  const realtime = /^RTM(IN|AX)(?:([+-])(\d+))?$/.exec(name);
  if (!realtime) return (constants.signals as Readonly<Record<string, number>>)[`SIG${name}`];
  const [, end, sign, offset = '0'] = realtime;
  return (end === 'IN' ? RTMIN : RTMAX) + (sign === '-' ? -1 : 1) * Number(offset);
}
