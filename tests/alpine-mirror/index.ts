import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipMember } from './gzip.ts';
import type { SignatureKind, SigningKey } from './key.ts';
import { type PackedPackage, packPackage } from './package.ts';
import { signaturePart } from './parts.ts';
import type { PackageRecipe } from './recipe.ts';
import { END_MARK, tarEntry } from './tar.ts';

/** What goes into an index. */
export interface IndexRecipe {
  /** Stanzas, each with the blank line that ends it. */
  stanzas: readonly string[];
  description?: string;
  kind?: SignatureKind;
}

/** The signed part of an index. */
export function indexPart({ stanzas, description = 'v0.0-test' }: IndexRecipe): Buffer {
  return gzipMember(
    Buffer.concat([
      tarEntry({ name: 'DESCRIPTION' }, description),
      tarEntry({ name: 'APKINDEX' }, stanzas.join('')),
      END_MARK,
    ]),
  );
}

/** Makes a signed `APKINDEX.tar.gz`. */
export function packIndex(recipe: IndexRecipe, key: SigningKey): Buffer {
  const index = indexPart(recipe);
  return Buffer.concat([signaturePart(index, key, recipe.kind), index]);
}

/** A repository to be made in a folder. */
export interface RepositoryRecipe {
  folder: string;
  key: SigningKey;
  packages: readonly PackageRecipe[];
  arch?: string;
}

/** Makes a repository of small packages: `<folder>/<arch>/APKINDEX.tar.gz` and the packages beside it. */
export async function packRepository(recipe: RepositoryRecipe): Promise<PackedPackage[]> {
  const { folder, key, packages, arch = 'x86_64' } = recipe;
  const place = join(folder, arch);
  await mkdir(place, { recursive: true });
  const packed = await Promise.all(packages.map((each) => packPackage({ arch, ...each }, { key })));
  for (const { file, bytes } of packed) await writeFile(join(place, file), bytes);
  const stanzas = packed.map(({ stanza }) => stanza);
  await writeFile(join(place, 'APKINDEX.tar.gz'), packIndex({ stanzas }, key));
  return packed;
}
