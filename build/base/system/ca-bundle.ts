import { BuildError } from '../../error.ts';
import type { Entry } from '../../tree/entry.ts';
import type { Tree } from '../../tree/tree.ts';
import { generateFile } from './generated.ts';

/** Folder in which distributions keep the certificates of trusted authorities, one per file. */
const CERTIFICATES = 'usr/share/ca-certificates';
/** File from which programs read the trusted authorities. */
export const BUNDLE = 'etc/ssl/certs/ca-certificates.crt';

/**
 * Returns one file with all trusted authorities, as update-ca-certificates(8) writes it.
 * @throws BuildError if the tree has no certificates
 */
export function makeCaBundle(tree: Tree): Entry {
  const texts = certificates(tree, CERTIFICATES);
  if (texts.length === 0) {
    throw new BuildError({
      what: `there is no certificate below /${CERTIFICATES}`,
      fix: 'Add ca-certificates to the packages of the profile.',
    });
  }
  return generateFile(BUNDLE, texts.join(''));
}

function certificates(tree: Tree, directory: string): string[] {
  return tree.names(directory).flatMap((name) => {
    const entry = tree.at(`${directory}/${name}`);
    if (entry?.type === 'directory') return certificates(tree, entry.path);
    if (entry?.type !== 'file' || !name.endsWith('.crt')) return [];
    const text = tree.bytes(entry).toString('utf8');
    return [text.endsWith('\n') ? text : `${text}\n`];
  });
}
