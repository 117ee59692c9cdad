import { COMMIT, VERSION } from './version.ts';

/** `lading --version` */
export function printVersion(): number {
  process.stdout.write(`lading version ${VERSION}, build ${COMMIT.slice(0, 7)}\n`);
  return 0;
}
