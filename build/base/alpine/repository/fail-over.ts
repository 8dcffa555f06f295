import type { DownloadContext } from '../../../cache/receive.ts';
import { BuildError } from '../../../error.ts';
import type { TrustedKeys } from '../signature/keys.ts';
import { parseRepositoryAddress } from './address.ts';
import { openRepository, type Repository } from './index.ts';

/** A repository and its mirrors. */
export interface MirroredRepository {
  /** Addresses of the mirrors, best first. */
  readonly addresses: readonly string[];
  readonly architecture: string;
  readonly keys: TrustedKeys;
  readonly context: DownloadContext;
  /** Receives a line when a mirror is skipped. */
  readonly say?: ((line: string) => void) | undefined;
}

/**
 * Opens the repository on the first mirror that has it with an index signed by a trusted key.
 * @throws BuildError if no mirror has it; the error contains the reason for each mirror
 */
export async function openFirst(request: MirroredRepository): Promise<Repository> {
  const { addresses, architecture, keys, context, say } = request;
  const reasons: BuildError[] = [];
  for (const address of addresses) {
    try {
      return await openRepository({
        address: parseRepositoryAddress(address),
        architecture,
        keys,
        context,
      });
    } catch (error) {
      if (!(error instanceof BuildError) || context.signal?.aborted === true) throw error;
      reasons.push(error);
      if (reasons.length < addresses.length) say?.(`${reasonOf(error)}; the next mirror is asked`);
    }
  }
  const [only] = reasons;
  if (only !== undefined && reasons.length === 1) throw only;
  throw new BuildError({
    what: `no mirror has the repository: ${reasons.map(reasonOf).join('; ')}`,
    fix: 'Check the network, or name a mirror: MIRROR=…',
    cause: only,
  });
}

function reasonOf({ what, where }: BuildError): string {
  return where === undefined ? what : `${where}: ${what}`;
}
