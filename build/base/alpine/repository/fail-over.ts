import type { DownloadContext } from '../../../cache/receive.ts';
import { BuildError } from '../../../error.ts';
import type { TrustedKeys } from '../signature/keys.ts';
import { repositoryAddress } from './address.ts';
import { openRepository, type Repository } from './index.ts';

/** A repository that several mirrors have. */
export interface MirroredRepository {
  /** Best first. */
  readonly addresses: readonly string[];
  readonly architecture: string;
  readonly keys: TrustedKeys;
  readonly context: DownloadContext;
  /** Told when a mirror is passed over. */
  readonly say?: ((line: string) => void) | undefined;
}

/**
 * The repository of the first mirror that has it and whose index a trusted key signed.
 * @throws BuildError if none has; the only one's own reason, or those of all
 */
export async function openFirst(request: MirroredRepository): Promise<Repository> {
  const { addresses, architecture, keys, context, say } = request;
  const reasons: BuildError[] = [];
  for (const address of addresses) {
    try {
      return await openRepository({
        address: repositoryAddress(address),
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
