import { create } from '@bufbuild/protobuf';
import { RefusalReason } from '../../proto/gen/quantix/v1/refusal_pb.js';
import { type Version, VersionSchema } from '../../proto/gen/quantix/v1/version_pb.js';
import { RefusedCallError } from '../reconciliation/error.ts';

/** The newest and the oldest version of the protocol that the control plane supports; see `version.proto`. */
const PROTOCOL = { newest: 2, oldest: 1 };

/** Returns the versions that the control plane supports. @param program its own version */
export function makeVersion(program: string): Version {
  const { newest, oldest } = PROTOCOL;
  return create(VersionSchema, { protocol: newest, oldestProtocol: oldest, program });
}

/**
 * Checks that both sides support a common version. A node that sends none supports version 1.
 * @throws RefusedCallError if there is none
 */
export function expectCommonVersion(version: Version | undefined): void {
  const newest = version?.protocol || 1;
  const oldest = version?.oldestProtocol || 1;
  if (Math.min(newest, PROTOCOL.newest) >= Math.max(oldest, PROTOCOL.oldest)) return;
  throw new RefusedCallError(
    RefusalReason.VERSION_UNSUPPORTED,
    `the node speaks versions ${oldest} to ${newest} of the protocol, the control plane ${PROTOCOL.oldest} to ${PROTOCOL.newest}`,
  );
}

/** Returns the verbs of tasks that a node supports, as `Task.verb` names them. */
export function listVerbs(version: Version | undefined): Set<string> {
  const names = (version?.capabilities ?? []).filter((one) => one.startsWith('task.'));
  return new Set(
    names.map((one) =>
      one.slice('task.'.length).replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    ),
  );
}
