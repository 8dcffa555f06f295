import { selectBase } from './build/base/select.ts';
import { renewLock } from './build/lock/current.ts';
import { loadProfile } from './build/profile/load.ts';
import { resolveDebian } from './build/base/debian/resolve.ts';
const debian = { name:'debian', request:(await import('./build/base/debian/resolve.ts')).debianRequest, resolve: resolveDebian } as never;
for (const name of process.argv.slice(2)) { const t=performance.now();
const profile = await loadProfile('/work/main', name);
try { console.log(await renewLock({projectDirectory:'/work/main', cacheDirectory:'/tmp/me/cache', profile, base: debian, say: console.log})); } catch(e) { console.log(String(e)); }
console.log(performance.now()-t); }
