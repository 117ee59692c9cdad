import type { StepInputs } from '../cache/cache-record.ts';
import { appeared, changed, cut, quoted, type Difference } from './difference.ts';
import { environmentDifference } from './environment-difference.ts';
import { looseDifference } from './loose-difference.ts';
import { mountsDifference } from './mount-difference.ts';

/** One side of a comparison: what a step's key was made of, and what is noted beside it. */
export interface Compared {
  readonly kind: string;
  readonly inputs: StepInputs;
  readonly notes: StepInputs;
}

/** Names the file that makes two digests of files differ. */
export type NameFile = (
  before: string,
  now: string,
  /** How the earlier record chose its files, and how they are chosen now. */
  choiceBefore: StepInputs,
  choice: StepInputs,
) => Promise<Difference | undefined>;

/** Compared in this order; whatever else a key is made of comes after, by its own name. */
const ORDER = ['args', 'script', 'user', 'cwd', 'env', 'path', 'dest', 'chown', 'chmod', 'unpack', 'loose', 'files'];
/** Compared elsewhere. */
const APART = ['parent', 'kind'];

/** The first input, besides the layers below, in which two steps differ. */
export async function inputDifference(
  before: Compared,
  now: Compared,
  nameFile: NameFile,
): Promise<Difference | undefined> {
  if (before.kind !== now.kind)
    return changed('command', 'the instruction', before.kind.toUpperCase(), now.kind.toUpperCase());
  for (const name of namesOf(before.inputs, now.inputs)) {
    if (same(before.inputs[name], now.inputs[name])) continue;
    const found = await differenceIn(name, before, now, nameFile);
    if (found) return found;
  }
  return undefined;
}

/** How many inputs differ, the layers below among them. */
export function countDifferences(before: Compared, now: Compared): number {
  const names = namesOf(before.inputs, now.inputs).concat('parent');
  const inputs = names.filter((name) => !same(before.inputs[name], now.inputs[name])).length;
  return inputs + (before.kind === now.kind ? 0 : 1) + (same(before.notes['link'], now.notes['link']) ? 0 : 1);
}

function namesOf(before: StepInputs, now: StepInputs): string[] {
  const all = new Set([...ORDER, ...Object.keys(before), ...Object.keys(now)]);
  return [...all].filter((name) => !APART.includes(name));
}

function differenceIn(
  name: string,
  before: Compared,
  now: Compared,
  nameFile: NameFile,
): Promise<Difference | undefined> | Difference | undefined {
  const [from, to] = [before.inputs[name], now.inputs[name]];
  switch (name) {
    case 'args':
      return commandDifference(before, now);
    case 'script':
      return { cause: 'command', message: 'the text of the script changed' };
    case 'user':
      return changed('user', 'the user', userName(from), userName(to));
    case 'cwd':
      return changed('workdir', 'the working folder', text(from), text(to));
    case 'path':
      return changed('workdir', 'the folder', text(from), text(to));
    case 'env':
      return environmentDifference(texts(from), texts(to), texts(now.notes['args']), texts(before.notes['args']));
    case 'dest':
      return destinationDifference(before, now);
    case 'chown':
    case 'chmod':
    case 'unpack':
    case 'security':
      return flagDifference(name, from, to);
    case 'network':
      return changed('network', 'the network', text(from), text(to));
    case 'extraHosts':
      return changed('flag', '--add-host', texts(from).join(', '), texts(to).join(', '), '--add-host');
    case 'mounts':
      return mountsDifference(before, now, nameFile);
    case 'loose':
    case 'git':
      return looseDifference(name, before, now);
    case 'files':
      return filesDifference(before, now, nameFile);
    default:
      return { cause: name, subject: name, message: `"${name}" changed`, before: text(from), after: text(to) };
  }
}

function commandDifference(before: Compared, now: Compared): Difference {
  const [from, to] = [shellAndCommand(before, now.notes), shellAndCommand(now, now.notes)];
  if (from.command !== to.command) return changed('command', 'the command', from.command, to.command);
  return changed('shell', 'the shell', from.shell, to.shell);
}

/** The shell is a part of the arguments; an exec form has none. */
function shellAndCommand({ inputs, notes }: Compared, likely: StepInputs): { shell: string; command: string } {
  const args = texts(inputs['args']);
  const shell = texts(notes['shell'] ?? likely['shell']);
  const hasShell = shell.length > 0 && same(args.slice(0, shell.length), shell);
  const rest = hasShell ? args.slice(shell.length) : args;
  return {
    shell: hasShell ? JSON.stringify(shell) : 'none',
    command: hasShell ? rest.join(' ') : JSON.stringify(rest),
  };
}

function destinationDifference(before: Compared, now: Compared): Difference {
  const cwd = [text(before.notes['cwd']), text(now.notes['cwd'])] as const;
  if (same(before.notes['dest'], now.notes['dest']) && cwd[0] !== cwd[1])
    return changed('workdir', 'the working folder', ...cwd);
  return changed('dest', 'the destination', text(before.inputs['dest']), text(now.inputs['dest']));
}

function flagDifference(name: string, before: unknown, now: unknown): Difference {
  const value = (of: unknown): string | undefined => (of === null || of === undefined ? undefined : text(of));
  return appeared('flag', `--${name}`, value(before), value(now), `--${name}`);
}

async function filesDifference(before: Compared, now: Compared, nameFile: NameFile): Promise<Difference> {
  const [from, to] = [before.inputs['files'], now.inputs['files']];
  const found =
    typeof from === 'string' && typeof to === 'string' ? await nameFile(from, to, before.notes, now.notes) : undefined;
  if (found) return found;
  const sources = [texts(before.notes['sources']).join(' '), texts(now.notes['sources']).join(' ')] as const;
  if (typeof from !== typeof to) return changed('sources', 'what it reads', ...sources);
  const epochs = [before.notes['epoch'], now.notes['epoch']].map((epoch) => text(epoch ?? 'none'));
  if (epochs[0] !== epochs[1]) return changed('arg', 'SOURCE_DATE_EPOCH', epochs[0]!, epochs[1]!, 'SOURCE_DATE_EPOCH');
  const origin = [originOf(before), originOf(now)] as const;
  if (origin[0] !== origin[1]) return changed('flag', '--from', ...origin, '--from');
  return { cause: 'file', message: `the files it reads${whereText(now.notes)} changed` };
}

/** ' from "build"', or '' for the context. */
export function whereText(notes: StepInputs): string {
  return typeof notes['from'] === 'string' ? ` from ${quoted(notes['from'])}` : '';
}

function originOf({ notes }: Compared): string {
  return typeof notes['from'] === 'string' ? notes['from'] : 'the context';
}

function userName(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : 'root';
}

export function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
}

export function text(value: unknown): string {
  return typeof value === 'string' ? value : cut(JSON.stringify(value ?? null));
}

/** The texts of a JSON array. */
export function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(text) : [];
}
