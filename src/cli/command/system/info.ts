import type { Command } from '../../command.ts';
import { text } from '../../flags.ts';
import { binarySize } from '../../format/units.ts';

export const command: Command = {
  name: 'info',
  summary: 'Display system-wide information',
  usage: '[OPTIONS]',
  flags: [text('format', 'f', 'Format output: "json" or a Go template')],
  async run({ flags, context }) {
    const info = await context.client.system.info();
    const format = flags.text('format');
    if (format === 'json') context.stdout.write(`${JSON.stringify(info)}\n`);
    else if (format !== undefined && format !== '') {
      const { compileTemplate } = await import('../../format/template/index.ts');
      context.stdout.write(`${compileTemplate(format)(info)}\n`);
    } else context.stdout.write(`Server:\n${lines(info)}`);
    for (const warning of (info['Warnings'] ?? []) as readonly string[]) context.stderr.write(`${warning}\n`);
  },
};

/** In Docker's order; members the daemon does not tell are left out. */
function lines(info: Record<string, unknown>): string {
  const list = (key: string): string | undefined => {
    const value = info[key];
    return Array.isArray(value) && value.length > 0 ? value.join(' ') : undefined;
  };
  const registry = info['RegistryConfig'] as { InsecureRegistryCIDRs?: string[]; Mirrors?: string[] } | undefined;
  const rows: [string, unknown][] = [
    ['Containers', info['Containers']],
    [' Running', info['ContainersRunning']],
    [' Paused', info['ContainersPaused']],
    [' Stopped', info['ContainersStopped']],
    ['Images', info['Images']],
    ['Server Version', info['ServerVersion']],
    ['Storage Driver', info['Driver']],
    ['Logging Driver', info['LoggingDriver']],
    ['Cgroup Driver', info['CgroupDriver']],
    ['Cgroup Version', info['CgroupVersion']],
    ['Runtimes', Object.keys((info['Runtimes'] ?? {}) as object).join(' ') || undefined],
    ['Default Runtime', info['DefaultRuntime']],
    ['Security Options', list('SecurityOptions')],
    ['Kernel Version', info['KernelVersion']],
    ['Operating System', info['OperatingSystem']],
    ['OSType', info['OSType']],
    ['Architecture', info['Architecture']],
    ['CPUs', info['NCPU']],
    ['Total Memory', typeof info['MemTotal'] === 'number' ? binarySize(info['MemTotal']) : undefined],
    ['Name', info['Name']],
    ['ID', info['ID']],
    ['Data Root', info['DockerRootDir']],
    ['Debug Mode', info['Debug']],
    ['HTTP Proxy', info['HttpProxy'] || undefined],
    ['HTTPS Proxy', info['HttpsProxy'] || undefined],
    ['No Proxy', info['NoProxy'] || undefined],
    ['Insecure Registries', registry?.InsecureRegistryCIDRs?.join(' ') || undefined],
    ['Registry Mirrors', registry?.Mirrors?.join(' ') || undefined],
  ];
  return rows
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([label, value]) => ` ${label}: ${String(value)}\n`)
    .join('');
}
