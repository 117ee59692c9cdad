import { parseReference } from '../oci/index.ts';
import type { Credentials } from './request.ts';

const HUB = ['https://index.docker.io/v1/', 'index.docker.io', 'registry-1.docker.io'];

/** Docker's clients send credentials by registry: a host, or for Docker Hub an address of old. */
export function credentialsFor(reference: string, all: Readonly<Record<string, Credentials>>): Credentials | undefined {
  const { domain } = parseReference(reference);
  const names = [domain, `https://${domain}`, `http://${domain}`, ...(domain === 'docker.io' ? HUB : [])];
  return names.map((name) => all[name]).find((found) => found !== undefined);
}
