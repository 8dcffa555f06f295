import { enableCompileCache } from 'node:module';
import { resolve } from 'node:path';
import { explainMissingPackage } from './missing-package.ts';

// First of all, so that all other modules are loaded from the compile cache. The cache is inside the project: in a
// folder that everyone can write to, someone else could place code in it.
enableCompileCache(resolve(import.meta.dirname, '../node_modules/.cache/compiled'));
// The cache is for this program only, not for those that it runs.
delete process.env.NODE_COMPILE_CACHE;
const { prepareStreams } = await import('./ui/streams.ts');
prepareStreams();
try {
  const { main } = await import('./command-line.ts');
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const missing = explainMissingPackage(error);
  if (missing === undefined) throw error;
  process.stderr.write(`qx-build: ${missing.message}\n`);
  process.exitCode = 1;
}
