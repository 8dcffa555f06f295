import { BuildError } from '../error.ts';
import { type FailureKind, hideCredentials, type TransferFailure } from './transfer-failure.ts';

/** A file to download, for messages. */
interface Wanted {
  readonly name: string;
  /** Addresses that were tried. */
  readonly urls: readonly string[];
}

/** No mirror has a file any more. For a locked package, resolving again finds its successor. */
export class PackageGone extends BuildError {
  readonly item: Wanted;

  constructor(item: Wanted) {
    super({
      what: `${item.name} is gone: no mirror has it any more`,
      where: item.urls.map(hideCredentials).join(', '),
      fix: 'Run `make lock` to take the versions that the mirror has now.',
    });
    this.name = 'PackageGone';
    this.item = item;
  }
}

/** Most important failure first: altered bytes may be an attack. */
const GRAVITY: readonly FailureKind[] = ['altered', 'refused', 'interrupted', 'gone'];

const FIXES: Readonly<Record<Exclude<FailureKind, 'gone'>, string>> = {
  altered:
    'Nothing of it was kept. The mirror or a proxy on the way changed the file: use another mirror. If that one sends the same, do not build.',
  refused: 'Check the mirror address and the proxy settings.',
  interrupted: 'Check the network and the proxy settings; what has arrived is kept and is resumed.',
};

/** Chooses the one error to show for a file that no address provides. */
export function downloadError(
  item: Wanted,
  failures: ReadonlyMap<string, TransferFailure>,
): BuildError {
  const worst = [...failures].toSorted(
    ([, a], [, b]) => GRAVITY.indexOf(a.kind) - GRAVITY.indexOf(b.kind),
  )[0];
  if (worst === undefined) {
    return new BuildError({ what: `${item.name} has no address to download it from` });
  }
  const [url, failure] = worst;
  if (failure.kind === 'gone') return new PackageGone(item);
  return new BuildError({
    what: `could not download ${item.name}: ${failure.message}`,
    where: hideCredentials(url),
    fix: FIXES[failure.kind],
    cause: failure,
  });
}

/** Returns the error for a download that the caller has cancelled. */
export function cancelled(item: Pick<Wanted, 'name'>, cause: unknown): BuildError {
  return new BuildError({ what: `download of ${item.name} was cancelled`, cause });
}
