import { predicateCommand } from './attestations.ts';

export const command = predicateCommand('provenance', 'Print the provenance attached to an image (SLSA v1)');
