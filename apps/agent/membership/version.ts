import { create } from '@bufbuild/protobuf';
import { type Version, VersionSchema } from '../../proto/gen/quantix/v1/version_pb.js';

/** The newest version of the protocol that this agent speaks, and the oldest; see `version.proto`. */
const PROTOCOL = { newest: 2, oldest: 1 };

/**
 * What this agent speaks.
 * @param agentVersion of the program
 * @param verbs of tasks that it knows, as `Task.verb` names them
 */
export function ourVersion(agentVersion: string, verbs: readonly string[] = []): Version {
  return create(VersionSchema, {
    protocol: PROTOCOL.newest,
    oldestProtocol: PROTOCOL.oldest,
    program: agentVersion,
    capabilities: verbs.map(
      (verb) => `task.${verb.replace(/[A-Z]/g, (one) => `_${one.toLowerCase()}`)}`,
    ),
  });
}

/** The form of hashes that a control plane understands; see `StateHash.form`. @param version what it said of itself */
export function hashForm(version: Version | undefined): number {
  return (version?.protocol ?? 1) < 2 ? 0 : 1;
}
