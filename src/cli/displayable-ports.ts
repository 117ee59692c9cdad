import type { ContainerPort } from '../client/index.ts';

interface Run {
  first: number;
  last: number;
}

/** "0.0.0.0:80-81->80-81/tcp, 443/tcp": neighbouring ports drawn together, as Docker's client does. */
export function displayablePorts(ports: readonly ContainerPort[]): string {
  const sorted = [...ports].sort(comparePorts);
  const runs = new Map<string, Run>();
  const single: string[] = [];
  const done: string[] = [];
  for (const port of sorted) {
    const ip = port.IP ?? '';
    if (ip !== '' && port.PublicPort !== port.PrivatePort) {
      single.push(`${hostOf(ip)}:${port.PublicPort}->${port.PrivatePort}/${port.Type}`);
      continue;
    }
    const key = ip === '' ? port.Type : `${ip}/${port.Type}`;
    const run = runs.get(key);
    if (run === undefined) runs.set(key, { first: port.PrivatePort, last: port.PrivatePort });
    else if (port.PrivatePort <= run.last + 1) run.last = port.PrivatePort;
    else {
      done.push(formatRun(key, run));
      runs.set(key, { first: port.PrivatePort, last: port.PrivatePort });
    }
  }
  return [...done, ...[...runs].map(([key, run]) => formatRun(key, run)), ...single].join(', ');
}

function formatRun(key: string, { first, last }: Run): string {
  const slash = key.lastIndexOf('/');
  const range = first === last ? String(first) : `${first}-${last}`;
  const protocol = key.slice(slash + 1);
  return slash < 0 ? `${range}/${protocol}` : `${hostOf(key.slice(0, slash))}:${range}->${range}/${protocol}`;
}

function hostOf(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}

function comparePorts(a: ContainerPort, b: ContainerPort): number {
  if (a.PrivatePort !== b.PrivatePort) return a.PrivatePort - b.PrivatePort;
  if (a.IP !== b.IP) return (a.IP ?? '') < (b.IP ?? '') ? -1 : 1;
  if (a.PublicPort !== b.PublicPort) return (a.PublicPort ?? 0) - (b.PublicPort ?? 0);
  return a.Type < b.Type ? -1 : a.Type > b.Type ? 1 : 0;
}
