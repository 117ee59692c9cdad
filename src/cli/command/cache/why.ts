import { resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { BuildRun, RunStep } from '../../../client/index.ts';
import { LadingError } from '../../../errors/index.ts';
import type { Command } from '../../command.ts';
import { text } from '../../flags.ts';
import { printRows, type Fields } from '../../format/rows.ts';
import { ago, ellipsis } from '../../format/units.ts';

const NAME_WIDTH = 44;

const FIELDS: Fields<RunStep> = {
  Step: { header: 'STEP', value: ({ step }) => step },
  Place: { header: 'PLACE', value: ({ place }) => place },
  Stage: { header: 'STAGE', value: ({ stage }) => stage },
  Platform: { header: 'PLATFORM', value: ({ platform }) => platform },
  Status: { header: 'STATUS', value: ({ status }) => status },
  Name: { header: 'INSTRUCTION', value: ({ name }) => name },
  ShortName: { header: 'INSTRUCTION', method: true, value: ({ name }) => ellipsis(oneLine(name), NAME_WIDTH) },
  Message: { header: 'NOT CACHED BECAUSE', value: ({ message = '' }) => oneLine(message) },
  Cause: { header: 'CAUSE', value: ({ cause = '' }) => cause },
  Subject: { header: 'SUBJECT', value: ({ subject = '' }) => subject },
  Before: { header: 'BEFORE', value: ({ before = '' }) => before },
  After: { header: 'AFTER', value: ({ after = '' }) => after },
  Parent: { header: 'PARENT', value: ({ parent }) => parent ?? '' },
  Key: { header: 'KEY', value: ({ key }) => key },
};

export const command: Command = {
  name: 'cache why',
  summary: 'Tell why steps of the last build were not cached',
  usage: '[OPTIONS] [BUILD|IMAGE] [STEP]',
  flags: [text('format', '', 'Format output: "table", "table TEMPLATE", "json" or a Go template')],
  examples: [
    'lading cache why',
    'lading cache why my/app',
    'lading cache why my/app 4',
    'lading cache why . "RUN make"',
  ],
  arity: [0, 2],
  async run({ args: [build, step], flags, context }) {
    const run = await context.client.builds.why(build === undefined ? undefined : nameOf(build));
    const steps = step === undefined ? run.steps : [stepOf(run, step)];
    const format = flags.text('format');
    if (format === undefined && step !== undefined) return void context.stdout.write(detailsOf(steps[0]!));
    if (format === undefined) context.stdout.write(`${headingOf(run)}\n`);
    await printRows(context, steps, {
      fields: FIELDS,
      columns: ['Step', 'Status', 'ShortName', 'Message'],
      format,
    });
  },
};

/** A folder is a context; anything else a name, a tag or an image ID. */
function nameOf(build: string): string {
  return /^(?:\.{1,2}(?:\/|$)|\/)/.test(build) ? resolve(build) : build;
}

/** By number, place ("build 2/4") or a part of the instruction that only one step has. */
function stepOf(run: BuildRun, wanted: string): RunStep {
  const isNumber = /^\d+$/.test(wanted);
  const place = wanted.replace(/^\[?|\]?$/g, '');
  const found = run.steps.filter(
    (step) =>
      (isNumber && step.step === Number(wanted)) ||
      step.place === `[${place}]` ||
      (!isNumber && step.name.toLowerCase().includes(wanted.toLowerCase())),
  );
  if (found.length === 1) return found[0]!;
  const numbers = (found.length === 0 ? run.steps : found).map(({ step }) => step).join(', ');
  throw new LadingError(
    found.length === 0 ? 'not_found' : 'invalid_argument',
    `step "${wanted}" of ${run.name}: ${found.length === 0 ? 'there is none' : 'several steps match'}`,
    { hint: `steps that make layers: ${numbers}` },
  );
}

function headingOf({ name, at, steps }: BuildRun): string {
  const count = (wanted: RunStep['status']): number => steps.filter(({ status }) => status === wanted).length;
  const failed = count('failed') > 0 ? `, ${count('failed')} failed` : '';
  return `${name}, built ${ago(Date.parse(at) / 1000).toLowerCase()}: ${count('ran')} of ${steps.length} steps ran${failed}\n`;
}

function detailsOf(step: RunStep): string {
  const { place, name, status, message, cause, subject, before, after } = step;
  const heading = `#${step.step} ${place} ${oneLine(name)}\n`;
  if (message === undefined) return `${heading}cached\n`;
  const rows = Object.entries({ cause, subject, before, after, key: step.key });
  const shown = rows.flatMap(([field, value]) =>
    value === undefined ? [] : [`${`${field}:`.padEnd(10)}${oneLine(value)}\n`],
  );
  return `${heading}${status}, not cached: ${oneLine(message)}\n${shown.join('')}`;
}

function oneLine(words: string): string {
  return stripVTControlCharacters(words)
    .replace(/\s*\n\s*/g, ' ')
    .replace(/[\x00-\x1f\x7f-\x9f]/g, ' ');
}
