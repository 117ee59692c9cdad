import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';

/** `lading registry serve` as a process of its own: the tests' commands block this one. */
export async function startRegistry(root: string): Promise<{ readonly port: number } & AsyncDisposable> {
  const lading = join(resolve(import.meta.dirname, '../..'), 'bin/lading');
  const child = spawn(lading, ['registry', 'serve', '--root', root, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<void>((done) => child.once('exit', () => done()));
  let output = '';
  for await (const chunk of child.stdout) {
    output += String(chunk);
    if (output.includes('\n')) break;
  }
  const port = Number(/:(\d+)\s*$/m.exec(output)?.[1]);
  if (!port) throw new Error(`the registry did not start: ${output}`);
  return {
    port,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
