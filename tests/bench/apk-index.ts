import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { openIndexArchive } from '../../build/base/alpine/index/archive.ts';
import { parseStanzas } from '../../build/base/alpine/index/stanza.ts';
import { selectPackages } from '../../build/base/alpine/repository/select.ts';
import { composeWorld } from '../../build/base/alpine/request.ts';
import { loadProfile } from '../../build/profile/load.ts';
import { findSettings } from '../../build/profile/profile.ts';

/** Measures the parsing of an index and one resolution against it, in seconds, in a fresh process. */
const [, , index = ''] = process.argv;
const profile = await loadProfile(resolve(import.meta.dirname, '../..'), 'quantix-os');
const { text } = openIndexArchive(readFileSync(index), index);
const began = performance.now();
const packages = parseStanzas(text, index);
const parsed = performance.now();
const known = new Set(packages.map(({ fields }) => fields.get('P')));
const wanted = composeWorld(findSettings(profile, 'alpine'), 'full').filter((name) =>
  known.has(name),
);
const asked = performance.now();
const repositories = [{ url: 'file:///index', tag: '', packages }];
selectPackages({ repositories, wanted, architecture: 'aarch64' });
const solved = performance.now();
console.log(JSON.stringify({ parse: (parsed - began) / 1000, solve: (solved - asked) / 1000 }));
