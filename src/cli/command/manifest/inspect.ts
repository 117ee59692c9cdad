import { readFileSync } from 'node:fs';
import { parseReference, withDefaultTag } from '../../../oci/index.ts';
import type { Command, Context } from '../../command.ts';
import { configPath } from '../../credentials.ts';
import { bool } from '../../flags.ts';

/** Asks the registry itself, as Docker's client does; no daemon is needed. */
export const command: Command = {
  name: 'manifest inspect',
  summary: 'Display an image manifest, or manifest list',
  usage: '[OPTIONS] MANIFEST',
  flags: [
    bool('insecure', '', 'Allow communication with an insecure registry'),
    bool('verbose', 'v', 'Output the descriptor as well'),
  ],
  arity: [1, 1],
  async run({ args: [name = ''], flags, context }) {
    const reference = withDefaultTag(parseReference(name));
    const { DockerCredentials, RegistryClient } = await import('../../../distribution/index.ts');
    const registry = new RegistryClient({
      credentials: new DockerCredentials({ path: configPath(context) }),
      ca: extraCertificates(context),
      ...(flags.bool('insecure') ? { insecureRegistries: [reference.domain] } : {}),
    });
    const { bytes, descriptor } = await registry.resolve(reference);
    const manifest: unknown = JSON.parse(bytes.toString('utf8'));
    const shown = flags.bool('verbose') ? { Ref: name, Descriptor: descriptor, Manifest: manifest } : manifest;
    context.stdout.write(`${JSON.stringify(shown, undefined, 3)}\n`);
  },
};

/** What bin/lading took out of Node's own hands for the sake of its start. */
function extraCertificates({ env }: Context): string[] {
  const file = env['LADING_EXTRA_CA_CERTS'];
  return file === undefined || file === '' ? [] : [readFileSync(file, 'utf8')];
}
