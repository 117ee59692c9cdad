import { predicateCommand } from './attestations.ts';

export const command = predicateCommand('sbom', 'Print the SBOM attached to an image (SPDX 2.3)');
