import { IgnoreMatcher } from '../../dockerfile/index.ts';
import { isLadingError } from '../../errors/index.ts';
import { selectUnits } from '../copy/select.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { quoted, type Difference } from './difference.ts';
import type { ListedFile, ListedFiles } from './file-lists.ts';

/** How a step chose its files; the earlier record's and the present. */
export interface Choice {
  readonly sources: readonly string[];
  readonly exclude: readonly string[];
  readonly parents: boolean;
  /** Rules of .dockerignore; undefined when the files are not the context's, or the rules were too long to keep. */
  readonly ignore?: readonly string[] | undefined;
  /** Says where the files are: "" or ' in stage "build"'. */
  readonly where: string;
}

/** The first file that differs, and how many others do. undefined when the lists do not tell them apart. */
export function fileDifference(
  before: { readonly files: ListedFiles; readonly choice: Choice },
  now: { readonly files: ListedFiles; readonly choice: Choice; readonly tree: FileTree },
): Difference | undefined {
  const places = [...new Set([...before.files.keys(), ...now.files.keys()])].sort();
  const differing = places.filter((place) => differs(before.files.get(place), now.files.get(place)));
  const [place] = differing;
  if (place === undefined) return undefined;
  const first = describe(before.files.get(place), now.files.get(place), before.choice, now.choice, now.tree);
  const others = differing.length - 1;
  if (others === 0) return first;
  return {
    ...first,
    message: `${first.message} (and ${others} other ${others === 1 ? 'file differs' : 'files differ'})`,
  };
}

function differs(before: ListedFile | undefined, now: ListedFile | undefined): boolean {
  if (!before || !now) return before !== now;
  return ASPECTS.some((aspect) => differsIn(aspect, before, now));
}

const ASPECTS = ['type', 'value', 'mode', 'owner', 'time'] as const;

/** What does not count on one side says nothing. */
function differsIn(aspect: (typeof ASPECTS)[number], before: ListedFile, now: ListedFile): boolean {
  return before[aspect] !== now[aspect] && before[aspect] !== '-' && now[aspect] !== '-';
}

function describe(
  before: ListedFile | undefined,
  now: ListedFile | undefined,
  choiceBefore: Choice,
  choice: Choice,
  tree: FileTree,
): Difference {
  if (!before) return added(now!, choiceBefore, choice, tree);
  if (!now) return removed(before, choiceBefore, choice, tree);
  const name = quoted(now.path) + choice.where;
  if (before.path !== now.path)
    return {
      cause: 'sources',
      subject: now.path,
      message: `${name} is read now, it was ${quoted(before.path)}`,
      before: before.path,
      after: now.path,
    };
  return aspectDifference(before, now, name);
}

function aspectDifference(before: ListedFile, now: ListedFile, name: string): Difference {
  const aspect = ASPECTS.find((one) => differsIn(one, before, now)) ?? 'value';
  const make = (message: string): Difference => ({
    cause: 'file',
    subject: now.path,
    message,
    before: `${aspect === 'value' ? '' : `${aspect} `}${before[aspect]}`,
    after: `${aspect === 'value' ? '' : `${aspect} `}${now[aspect]}`,
  });
  const [from, to] = [before[aspect], now[aspect]];
  switch (aspect) {
    case 'type':
      return make(`${name} is a ${kindName(to)} now, it was a ${kindName(from)}`);
    case 'mode':
      return make(`the mode of ${name} changed from ${from} to ${to}`);
    case 'time':
      return make(`the time of ${name} changed (SOURCE_DATE_EPOCH makes it count)`);
    case 'owner':
      return from.split('+')[0] === to.split('+')[0]
        ? make(`the extended attributes of ${name} changed`)
        : make(`the owner of ${name} changed from ${from.split('+')[0]} to ${to.split('+')[0]}`);
    default:
      return now.type === 'symlink'
        ? make(`the target of the link ${name} changed from ${quoted(from)} to ${quoted(to)}`)
        : make(`the content of ${name} changed`);
  }
}

function added(file: ListedFile, before: Choice, now: Choice, tree: FileTree): Difference {
  const name = quoted(file.path) + now.where;
  const make = (cause: string, message: string): Difference => ({ cause, subject: file.path, message });
  if (before.ignore && IgnoreMatcher.of(before.ignore).ignores(file.path) && now.ignore)
    return make('ignore', `.dockerignore does not leave out ${name} any more`);
  if (IgnoreMatcher.of(before.exclude).ignores(file.rel))
    return make('flag', `--exclude does not leave out ${name} any more`);
  if (!selects(tree, before, file.path)) return make('sources', `${name} is read now: ${sourcesText(before, now)}`);
  return make('file', `${what(file)}${name} was added`);
}

function removed(file: ListedFile, before: Choice, now: Choice, tree: FileTree): Difference {
  const name = quoted(file.path) + now.where;
  const make = (cause: string, message: string): Difference => ({ cause, subject: file.path, message });
  const exists = before.where === now.where && tree.has(file.path);
  if (exists && tree.stat(file.path) === undefined) return make('ignore', `.dockerignore leaves out ${name} now`);
  if (exists && IgnoreMatcher.of(now.exclude).ignores(file.rel))
    return make('flag', `--exclude leaves out ${name} now`);
  if (exists && !selects(tree, now, file.path))
    return make('sources', `${name} is not read any more: ${sourcesText(before, now)}`);
  return make('file', `${what(file)}${name} was removed`);
}

function what({ type }: ListedFile): string {
  return type === 'directory' ? 'the folder ' : '';
}

function kindName(type: string): string {
  return type === 'directory' ? 'folder' : type === 'symlink' ? 'link' : type;
}

function sourcesText(before: Choice, now: Choice): string {
  return `the sources changed from ${quoted(before.sources.join(' '))} to ${quoted(now.sources.join(' '))}`;
}

/** Whether the choice's sources reach a path in the tree as it is now. */
function selects(tree: FileTree, { sources, parents }: Choice, path: string): boolean {
  return sources.some((source) => {
    try {
      return selectUnits(tree, [source], { parents }).some(
        (unit) => unit.path === '' || path === unit.path || path.startsWith(`${unit.path}/`),
      );
    } catch (error) {
      if (isLadingError(error)) return false;
      throw error;
    }
  });
}
