import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { socketAnswers } from '../base/index.ts';

const DEFAULT_SOCKET = '/run/lading/lading.sock';
const MAX_HOSTS = 20;

/** The socket of the daemon that has a store, when one answers. The daemon leaves its addresses in the store (src/daemon). */
export async function findDaemon(dataRoot: string, isDefault: boolean): Promise<string | undefined> {
  const hosts = [...(await hostsIn(dataRoot)), ...(isDefault ? [`unix://${DEFAULT_SOCKET}`] : [])];
  for (const host of hosts) if (await socketAnswers(host.slice('unix://'.length))) return host;
  return undefined;
}

async function hostsIn(dataRoot: string): Promise<string[]> {
  const text = await readFile(join(dataRoot, 'ladingd.hosts'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line.startsWith('unix:///'))
    .slice(0, MAX_HOSTS);
}
