import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StepExecutor } from '../../src/builder/index.ts';
import { overlayMounter } from '../../src/snapshot/index.ts';

/**
 * Runs no process: each step writes what it was run with to /ran, so that equal steps make equal layers. A command with "nothing" in it leaves
 * no trace, one with "chance" another every time, one with "fail" ends with 1.
 */
export class FakeExecutor implements StepExecutor {
  async run({ mount, process }: Parameters<StepExecutor['run']>[0]): Promise<number> {
    const command = process.args.join(' ');
    if (command.includes('fail')) return 1;
    if (command.includes('nothing')) return 0;
    const root = mkdtempSync(join(tmpdir(), 'lading-fake-step-'));
    overlayMounter.mount(mount, root);
    try {
      const chance = command.includes('chance') ? randomBytes(8).toString('hex') : '';
      writeFileSync(join(root, 'ran'), JSON.stringify([process, chance]));
      utimesSync(join(root, 'ran'), 1, 1);
    } finally {
      overlayMounter.unmount(root);
      rmSync(root, { recursive: true });
    }
    return 0;
  }

  async openTerminal(): Promise<never> {
    throw new Error('a fake has no terminals');
  }
}
