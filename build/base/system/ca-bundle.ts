import { BuildError } from '../../error.ts';
import type { Entry } from '../../tree/entry.ts';
import type { Tree } from '../../tree/tree.ts';
import { generatedFile } from './generated.ts';

/** Where distributions keep the certificates of the authorities they trust, one a file. */
const CERTIFICATES = 'usr/share/ca-certificates';
/** Where programs look for the authorities they trust. */
export const BUNDLE = 'etc/ssl/certs/ca-certificates.crt';

/**
 * The trusted authorities in one file, as update-ca-certificates(8) writes it.
 * @throws BuildError if the tree has certificates of none
 */
export function caBundle(tree: Tree): Entry {
  const texts = certificates(tree, CERTIFICATES);
  if (texts.length === 0) {
    throw new BuildError({
      what: `there is no certificate below /${CERTIFICATES}`,
      fix: 'Add ca-certificates to the packages of the profile.',
    });
  }
  return generatedFile(BUNDLE, texts.join(''));
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
