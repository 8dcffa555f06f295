import { join } from 'node:path';
import { ARCHITECTURE_NAMES, type ArchitectureName } from '../architecture.ts';
import { ExplainedError } from '../explained-error.ts';
import type { PublishedRelease } from '../release/published.ts';
import { RELEASE_LIST } from '../release/sign-folder.ts';
import {
  chooseFormats,
  RELEASE_FORMAT_NAMES,
  RELEASE_FORMATS,
  type ReleaseFormatName,
} from './release-formats.ts';

/** The single run of `qx-build release` that made a release. */
export interface ReleaseRun {
  commit: string;
  base: string;
  flavour: string;
  profiles: readonly string[];
  architectures: readonly ArchitectureName[];
  /** Formats given to the run with `--format`; empty for all. */
  formats: readonly ReleaseFormatName[];
  tools: Readonly<Record<string, string>>;
  node: string;
  /** SHA-256 of each key that signs updates. */
  releaseKeys: readonly string[];
}

/**
 * Determines how a release was made.
 * @throws ExplainedError if it was not made from one commit by one run
 */
export function planRun({ folder, list, provenances }: PublishedRelease): ReleaseRun {
  const where = join(folder, RELEASE_LIST);
  const refuse = (what: string) =>
    new ExplainedError({ what, where, fix: 'Such a release cannot be made again.' });
  const runs = provenances.map((provenance) => ({
    ...{ commit: provenance.source.commit, base: provenance.parameters.base },
    ...{ flavour: provenance.parameters.flavour, version: provenance.parameters.version },
    ...{ node: provenance.node, releaseKeys: provenance.releaseKeys.toSorted() },
  }));
  const [first] = runs;
  if (first === undefined) throw refuse('it has no provenance');
  if (provenances.some(({ source }) => source.dirty)) {
    throw refuse(`it was built from files that differed from commit ${first.commit.slice(0, 12)}`);
  }
  if (provenances.some(({ parameters }) => !parameters.release)) {
    throw refuse('it has a development build');
  }
  if (runs.some((one) => JSON.stringify(one) !== JSON.stringify(first))) {
    throw refuse('its images were not made by one run of qx-build release');
  }
  if (first.version !== list.version) {
    throw refuse(`its images have version ${first.version}, but the release has ${list.version}`);
  }
  const images = provenances.map(({ parameters, subjects }) => {
    const architecture = ARCHITECTURE_NAMES.find((name) => name === parameters.architecture);
    if (architecture === undefined) throw refuse(`there is no CPU ${parameters.architecture}`);
    const kinds = new Set(
      list.files
        .filter(({ path }) => subjects.some(({ name }) => name === path))
        .map(({ kind }) => kind),
    );
    const formats = RELEASE_FORMAT_NAMES.filter((name) => kinds.has(RELEASE_FORMATS[name].kind));
    return { profile: parameters.profile, architecture, formats };
  });
  const profiles = [...new Set(images.map(({ profile }) => profile))];
  const architectures = [...new Set(images.map(({ architecture }) => architecture))];
  const made = new Set(images.map(({ profile, architecture }) => `${profile} ${architecture}`));
  const isAll = images.every(({ architecture, formats }) =>
    isSame(formats, chooseFormats([], architecture)),
  );
  const formats = isAll ? [] : (images[0]?.formats ?? []);
  const isOneChoice = isAll || images.every((image) => isSame(image.formats, formats));
  if (made.size !== profiles.length * architectures.length || !isOneChoice) {
    throw refuse('its images were not made by one run of qx-build release');
  }
  const { commit, base, flavour, node, releaseKeys } = first;
  const tools = Object.assign({}, ...provenances.map((one) => one.tools));
  return { commit, base, flavour, profiles, architectures, formats, tools, node, releaseKeys };
}

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.join() === others.join();
}
