import type { Attestation } from '../../../client/index.ts';
import { LadingError } from '../../../errors/index.ts';
import type { Command, Context } from '../../command.ts';
import { bool, text } from '../../flags.ts';
import { printRows, type Fields } from '../../format/rows.ts';

const KINDS: Readonly<Record<string, string>> = {
  provenance: 'https://slsa.dev/provenance/v1',
  sbom: 'https://spdx.dev/Document',
};

const FIELDS: Fields<Attestation> = {
  Type: { header: 'TYPE', value: ({ PredicateType }) => shortType(PredicateType) },
  PredicateType: { header: 'PREDICATE TYPE', value: ({ PredicateType }) => PredicateType },
  Digest: { header: 'DIGEST', value: ({ Descriptor }) => Descriptor.digest },
};

export const command: Command = {
  name: 'image attestations',
  summary: 'Show what is attested of an image: its provenance, its SBOM',
  usage: '[OPTIONS] IMAGE',
  flags: [
    text('type', '', 'Print the statements of this type: "provenance", "sbom" or a predicate type'),
    text('format', '', 'Format output: "table", "table TEMPLATE", "json" or a Go template'),
    bool('predicate', '', 'Print the predicate alone, without the statement around it'),
  ],
  examples: ['lading image attestations my/app:1', 'lading image attestations --type sbom my/app:1'],
  arity: [1, 1],
  async run({ args: [image = ''], flags, context }) {
    const type = flags.text('type');
    if (type !== undefined) return printStatements(context, image, type, flags.bool('predicate'));
    await printRows(context, await context.client.images.attestations(image), {
      fields: FIELDS,
      columns: ['Type', 'PredicateType', 'Digest'],
      format: flags.text('format'),
    });
  },
};

/** `image provenance`, `image sbom`: the predicate, as other tools read it. */
export function predicateCommand(kind: 'provenance' | 'sbom', summary: string): Command {
  return {
    name: `image ${kind}`,
    summary,
    usage: 'IMAGE',
    flags: [],
    arity: [1, 1],
    run: ({ args: [image = ''], context }) => printStatements(context, image, kind, true),
  };
}

async function printStatements(context: Context, image: string, type: string, predicate: boolean): Promise<void> {
  const found = await context.client.images.attestations(image, { type: KINDS[type] ?? type, statement: true });
  if (found.length === 0)
    throw new LadingError('not_found', `image "${image}" has no attestation of type ${type}`, {
      hint: `build it with --attest type=${type in KINDS ? type : 'provenance'}`,
    });
  for (const { Statement } of found) {
    const shown = predicate ? Statement?.predicate : Statement;
    context.stdout.write(`${JSON.stringify(shown, undefined, 2)}\n`);
  }
}

function shortType(predicateType: string): string {
  return Object.entries(KINDS).find(([, type]) => type === predicateType)?.[0] ?? 'other';
}
