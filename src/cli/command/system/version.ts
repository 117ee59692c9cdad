import { LADING_VERSION } from '../../../base/version.ts';
import { API_VERSION } from '../../../client/index.ts';
import { hostPlatform } from '../../../oci/index.ts';
import type { Command } from '../../command.ts';
import { describeError } from '../../describe-error.ts';
import { text } from '../../flags.ts';
import { BUILD_TIME, COMMIT } from '../../print-version.ts';

const LABEL_WIDTH = 19;

export const command: Command = {
  name: 'version',
  summary: 'Show the lading version information',
  usage: '[OPTIONS]',
  flags: [text('format', 'f', 'Format output: "json" or a Go template')],
  async run({ flags, context }) {
    const platform = hostPlatform();
    const client = {
      Version: LADING_VERSION,
      ApiVersion: API_VERSION,
      DefaultAPIVersion: API_VERSION,
      GitCommit: COMMIT.slice(0, 7),
      NodeVersion: process.versions.node,
      Os: platform.os,
      Arch: platform.architecture,
      BuildTime: BUILD_TIME,
    };
    const format = flags.text('format');
    const server = await context.client.system.version().catch((error: unknown) => error as Error);
    if (format !== undefined && format !== '') {
      const value = { Client: client, Server: server instanceof Error ? null : server };
      if (format === 'json') context.stdout.write(`${JSON.stringify(value)}\n`);
      else {
        const { compileTemplate } = await import('../../format/template/index.ts');
        context.stdout.write(`${compileTemplate(format)(value)}\n`);
      }
    } else {
      context.stdout.write(`Client:\n${clientLines(client)}`);
      if (!(server instanceof Error)) context.stdout.write(`\n${serverLines(server)}`);
    }
    if (!(server instanceof Error)) return 0;
    context.stderr.write(`${describeError(server)}\n`);
    return 1;
  },
};

function line(indent: number, label: string, value: unknown): string {
  return `${' '.repeat(indent)}${`${label}:`.padEnd(LABEL_WIDTH - indent + 1)}${String(value)}\n`;
}

function clientLines(client: Record<string, string>): string {
  return [
    line(1, 'Version', client['Version']),
    line(1, 'API version', client['ApiVersion']),
    line(1, 'Node version', client['NodeVersion']),
    line(1, 'Git commit', client['GitCommit']),
    line(1, 'Built', client['BuildTime']),
    line(1, 'OS/Arch', `${client['Os']}/${client['Arch']}`),
  ].join('');
}

interface ServerComponent {
  readonly Name: string;
  readonly Version: string;
  readonly Details?: Readonly<Record<string, string>>;
}

function serverLines(server: Record<string, unknown>): string {
  const components = (server['Components'] ?? []) as readonly ServerComponent[];
  const platform = (server['Platform'] as { Name?: string } | undefined)?.Name;
  const head = `Server:${platform === undefined || platform === '' ? '' : ` ${platform}`}\n Engine:\n`;
  const engine = [
    line(2, 'Version', server['Version']),
    line(2, 'API version', `${String(server['ApiVersion'])} (minimum version ${String(server['MinAPIVersion'])})`),
    line(2, 'Git commit', server['GitCommit'] ?? ''),
    line(2, 'Built', server['BuildTime'] ?? ''),
    line(2, 'OS/Arch', `${String(server['Os'])}/${String(server['Arch'])}`),
    line(2, 'Kernel', server['KernelVersion'] ?? ''),
  ].join('');
  const others = components
    .filter((one) => one.Name !== 'Engine')
    .map((one) => ` ${one.Name}:\n${line(2, 'Version', one.Version)}`)
    .join('');
  return head + engine + others;
}
