import { LadingError } from '../errors/index.ts';
import { fitsOnLine } from './command-line.ts';
import type { Draft } from './draft.ts';
import { fold, jsonWords, word } from './quote.ts';
import { checkText, hasBreak, literalOf, Reference, written, type Arg, type Text } from './values.ts';

/** ENV and LABEL. */
export function pairsDraft(kind: 'env' | 'label', pairs: Readonly<Record<string, Text | number | boolean>>): Draft {
  const entries = Object.entries(pairs).map(([name, value]) => {
    checkKey(kind, name);
    const text = typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
    if (typeof text === 'string') checkText(text, `${kind}(): ${name}`);
    return [name, text] as const;
  });
  const words = entries.map(([name, value]) => `${word(name)}=${word(value)}`);
  const separator = words.join(' ').length > 100 ? ' \\\n    ' : ' ';
  return {
    kind,
    texts: entries.map(([, value]) => value),
    froms: [],
    breaks: hasBreak(entries.map(([, value]) => value)),
    render: () => `${kind.toUpperCase()} ${words.map(fold).join(separator)}`,
  };
}

function checkKey(kind: 'env' | 'label', name: string): void {
  const bad = name === '' || /[=\0\r\n]/.test(name) || !name.isWellFormed() || (kind === 'env' && /\s/.test(name));
  if (bad || literalOf(name) === undefined)
    throw new LadingError('invalid_argument', `${kind}(): invalid name ${JSON.stringify(written(name))}`, {
      hint: 'a name is not empty and holds no "=" and no line break',
    });
}

export function argDraft(declared: Arg): Draft {
  const value = declared.default === undefined ? '' : `=${word(declared.default)}`;
  const breaks = hasBreak([declared.default ?? '']);
  return { kind: 'arg', texts: [], froms: [], breaks, render: () => fold(`ARG ${declared.name}${value}`) };
}

/** WORKDIR, USER, STOPSIGNAL: one word, expanded. */
export function wordDraft(kind: 'workdir' | 'user' | 'stopsignal', text: Text): Draft {
  if (typeof text === 'string') checkText(text, `${kind}()`);
  if (text === '') throw new LadingError('invalid_argument', `${kind}(): the text is empty`);
  const breaks = hasBreak([text]);
  return { kind, texts: [text], froms: [], breaks, render: () => fold(`${kind.toUpperCase()} ${word(text)}`) };
}

/** A port, a range, or either with a protocol. */
export type Port =
  | number
  | `${number}`
  | `${number}/${'tcp' | 'udp' | 'sctp'}`
  | `${number}-${number}`
  | `${number}-${number}/${'tcp' | 'udp' | 'sctp'}`
  | Reference;

export function exposeDraft(ports: readonly Port[]): Draft {
  const texts = ports.map((port) => (typeof port === 'number' ? String(port) : port));
  for (const text of texts)
    if (!/^\d{1,5}(-\d{1,5})?(\/(tcp|udp|sctp))?$/i.test(literalOf(text) ?? '0'))
      throw new LadingError('invalid_argument', `expose(): invalid port ${JSON.stringify(written(text))}`);
  return { kind: 'expose', texts, froms: [], render: () => `EXPOSE ${texts.map(written).join(' ')}` };
}

export function volumeDraft(paths: readonly Text[]): Draft {
  for (const path of paths) if (typeof path === 'string') checkText(path, 'volume()');
  const breaks = hasBreak(paths);
  return { kind: 'volume', texts: paths, froms: [], breaks, render: () => fold(`VOLUME ${jsonWords(paths)}`) };
}

export function maintainerDraft(name: string): Draft {
  checkText(name, 'maintainer()');
  if (!fitsOnLine(name) || name === '')
    throw new LadingError('invalid_argument', 'maintainer(): no Dockerfile can say this name');
  return {
    kind: 'maintainer',
    texts: [],
    froms: [],
    render: () => fold(`MAINTAINER ${name.startsWith('--') ? '-- ' : ''}${name}`),
  };
}
