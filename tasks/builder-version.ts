import { readProductVersion } from '../build/image/product-version.ts';
import { readSourceState } from '../build/image/source-state.ts';
import type { Output } from './ui/events.ts';

/**
 * Prints the builder's version, its commit, and whether its files are those of that commit.
 * @param projectDirectory folder of the builder's project
 */
export async function printVersion(projectDirectory: string, output: Output): Promise<void> {
  const version = readProductVersion(projectDirectory);
  const source = await readSourceState(projectDirectory);
  if (output.json) {
    output.emit({ event: 'version', version, source: source ?? null });
    return;
  }
  const state =
    source === undefined
      ? 'commit unknown: this is not a git repository of its own, or there is no git'
      : `commit ${source.commit}${source.dirty ? ', and files differ from it' : ''}`;
  output.say(`qx-build ${version} (${state})`);
}
