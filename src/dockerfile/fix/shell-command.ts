/** Words a shell runs itself: there may be no such program. */
const BUILT_IN = new Set(
  '. : alias bg break cd case command continue do done elif else esac eval exit export fc fg fi for function getopts hash if in jobs local read readonly return select set shift source then times trap type typeset ulimit umask unalias unset until wait while { } ! [[ ]]'.split(
    ' ',
  ),
);

/** The words of a command line that means the same without a shell, or why it does not. */
export function plainCommand(line: string): { readonly words: readonly string[] } | { readonly why: string } {
  const split = splitWords(line);
  if ('why' in split) return split;
  const words = split.words[0] === 'exec' ? split.words.slice(1) : split.words;
  const [first] = words;
  if (first === undefined || first === '') return { why: 'there is no command' };
  if (BUILT_IN.has(first)) return { why: `"${first}" is a command of the shell` };
  if (first.startsWith('-')) return { why: `"${first}" is no program` };
  if (/^[A-Za-z_][A-Za-z0-9_]*=/.test(first)) return { why: 'it sets a variable for the command' };
  return { words };
}

const QUOTED = /^(?:'([^']*)'|"([^"\\$`]*)"|([^\s'"\\$`&|;<>(){}*?[\]~#!^]+))/;

/** Splits at blanks; quotes of either kind are removed. Whatever a shell would look at otherwise is a reason to stop. */
function splitWords(line: string): { words: string[] } | { why: string } {
  const words: string[] = [];
  let rest = line.trim();
  while (rest !== '') {
    let word = '';
    while (rest !== '' && !/^\s/.test(rest)) {
      const match = QUOTED.exec(rest);
      if (!match) return { why: `it needs the shell for ${JSON.stringify(/^(?:&&|\|\||.)/su.exec(rest)?.[0] ?? '')}` };
      word += match[1] ?? match[2] ?? match[3] ?? '';
      rest = rest.slice(match[0].length);
    }
    words.push(word);
    rest = rest.trimStart();
  }
  return { words };
}
