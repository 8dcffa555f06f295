import { enableCompileCache } from 'node:module';

// Before anything else is loaded, so that all of it comes compiled from the cache the next time.
enableCompileCache();
const { main } = await import('./command-line.ts');
process.exitCode = await main(process.argv.slice(2));
