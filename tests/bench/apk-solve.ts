import { readFileSync } from 'node:fs';
import { simulate } from '../../build/base/alpine/applets/simulate.ts';
import { openIndexArchive } from '../../build/base/alpine/index/archive.ts';

/** Measures the reading of an index and the solving of a world against it, in seconds, in a fresh process. */
const [, , index = '', ...names] = process.argv;
const began = performance.now();
const { text } = openIndexArchive(readFileSync(index), index);
const none = { text: '', where: 'nothing' };
const repositories = [{ tag: '', text, where: index }];
const lines = simulate({ world: none, installed: none, repositories }, ['add', ...names]);
const seconds = (performance.now() - began) / 1000;
console.log(JSON.stringify({ seconds, changes: lines.length - 1 }));
