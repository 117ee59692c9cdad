// The first file a user's Node reads: old syntax and no named imports, so that any Node can parse it and say what is wrong.
import * as nodeModule from 'node:module';

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 15)) {
  process.stderr.write(
    `lading: needs Node.js 22.15 or newer, this is ${process.versions.node} (${process.execPath})\n`,
  );
  process.exit(1);
}
nodeModule.enableCompileCache();
const { main } = await import('./main.ts');
await main(process.argv.slice(2));
