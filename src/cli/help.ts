import { COMMANDS, GROUPS, type CommandEntry } from './commands.ts';
import type { Command } from './command.ts';
import type { Flag } from './flags.ts';
import { GLOBAL_FLAGS } from './global-flags.ts';
import { suggest } from './suggest.ts';

/** Prints the general or a group's help, or says that there is no such command; gives the exit status. */
export function printHelp(args: readonly string[], found: { group: string } | undefined, asked: boolean): number {
  const rest = args.filter((arg) => !arg.startsWith('-'));
  const group = found?.group;
  const unknown = rest[group === undefined ? 0 : group.split(' ').length];
  if (unknown !== undefined && !(group === undefined && unknown === 'help')) {
    const names = COMMANDS.flatMap((entry) => entry.names);
    const tried = group === undefined ? unknown : `${group} ${unknown}`;
    const near = suggest(tried, [...names, ...Object.keys(GROUPS)]);
    process.stderr.write(
      `lading: unknown command: lading ${tried}\n${near === undefined ? '' : `\nDid you mean: lading ${near}\n`}\nRun 'lading ${group === undefined ? '' : `${group} `}--help' for more information\n`,
    );
    return 1;
  }
  const text = group === undefined ? generalHelp() : groupHelp(group);
  (asked || args.length === 0 || group !== undefined ? process.stdout : process.stderr).write(text);
  return 0;
}

/** A verb's help. */
export function commandHelp(command: Command): string {
  const parts = [`Usage:  lading ${command.name} ${command.usage}`.trimEnd(), command.summary];
  const shown = command.flags.filter((flag) => flag.hidden !== true);
  if (shown.length > 0) parts.push(`Options:\n${flagLines(shown)}`);
  if (command.examples !== undefined)
    parts.push(`Examples:\n${command.examples.map((line) => `  ${line}`).join('\n')}`);
  return `${parts.join('\n\n')}\n`;
}

function generalHelp(): string {
  const common = COMMANDS.filter((entry) => !(entry.names[0] ?? '').includes(' '));
  return `Usage:  lading [OPTIONS] COMMAND

Build, run, ship and inspect container images

Commands:
${entryLines(common, (entry) => entry.names[0] ?? '')}

Groups:
${columns(Object.entries(GROUPS))}

Options:
${flagLines(GLOBAL_FLAGS)}

Run 'lading COMMAND --help' for more information on a command
`;
}

function groupHelp(group: string): string {
  const inGroup = COMMANDS.filter((entry) => entry.names.some((name) => name.startsWith(`${group} `)));
  return `Usage:  lading ${group} COMMAND

${GROUPS[group]}

Commands:
${entryLines(inGroup, (entry) => entry.names.find((name) => name.startsWith(`${group} `))?.slice(group.length + 1) ?? '')}

Run 'lading ${group} COMMAND --help' for more information on a command
`;
}

function entryLines(entries: readonly CommandEntry[], name: (entry: CommandEntry) => string): string {
  return columns(entries.map((entry) => [name(entry), entry.summary]));
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}   ${right}`).join('\n');
}

const VALUE_NAMES = { bool: '', text: ' string', list: ' list', int: ' int' } as const;

function flagLines(flags: readonly Flag[]): string {
  const rows = [...flags]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((flag): [string, string] => [
      `${flag.short === undefined ? '    ' : `-${flag.short}, `}--${flag.name}${VALUE_NAMES[flag.kind]}`,
      flag.help,
    ]);
  return columns(rows);
}
