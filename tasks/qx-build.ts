import { enableCompileCache } from 'node:module';
import { resolve } from 'node:path';
import { explainMissingPackage } from './missing-package.ts';

// Before anything else is loaded, so that all of it comes compiled from the cache the next time. It is beside what it is
// made from: in a folder that everybody may write to, somebody else could leave code there.
enableCompileCache(resolve(import.meta.dirname, '../node_modules/.cache/compiled'));
// It is for this program only, not for those that it runs.
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
