import { isIP } from 'node:net';
import { LadingError } from '../errors/index.ts';

/**
 * /etc/hosts of a build step, as BuildKit writes it: no address of this machine's networks, so that what a step copies from it is the same
 * everywhere.
 * @param hostGateway what "host-gateway" stands for
 * @throws invalid_argument for an entry that is not name:address
 */
export function renderStepHosts(hostname: string, extraHosts: readonly string[], hostGateway: string): string {
  const own = [`127.0.0.1\tlocalhost ${hostname}`, '::1\tlocalhost ip6-localhost ip6-loopback'];
  return [...own, ...extraHosts.map((entry) => extraLine(entry, hostGateway))].map((line) => `${line}\n`).join('');
}

/** "name:address" or buildx's "name=address"; IPv6 addresses may be in brackets. */
function extraLine(entry: string, hostGateway: string): string {
  const match = /^([^\s:=]+)[:=](.+)$/.exec(entry);
  const value = match?.[2]?.replace(/^\[(.*)\]$/, '$1');
  if (!match || value === undefined)
    throw new LadingError('invalid_argument', `bad format for add-host: "${entry}"`, {
      hint: 'write name:address or name:host-gateway',
    });
  const address = value === 'host-gateway' ? hostGateway : value;
  if (isIP(address) === 0) throw new LadingError('invalid_argument', `invalid IP address in add-host: "${value}"`);
  return `${address}\t${match[1]}`;
}
