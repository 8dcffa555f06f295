import { create } from '@bufbuild/protobuf';
import { type Version, VersionSchema } from '../../proto/gen/quantix/v1/version_pb.js';

/** The newest and the oldest protocol version that this agent supports; see `version.proto`. */
const PROTOCOL = { newest: 2, oldest: 1 };

/**
 * Makes the message about the versions and capabilities of this agent.
 * @param agentVersion of the program
 * @param verbs supported verbs of tasks, named as in `Task.verb`
 */
export function makeVersionMessage(agentVersion: string, verbs: readonly string[] = []): Version {
  return create(VersionSchema, {
    protocol: PROTOCOL.newest,
    oldestProtocol: PROTOCOL.oldest,
    program: agentVersion,
    capabilities: verbs.map(
      (verb) => `task.${verb.replace(/[A-Z]/g, (one) => `_${one.toLowerCase()}`)}`,
    ),
  });
}

/** Returns the form of hashes that a control plane supports; see `StateHash.form`. @param version reported by it */
export function hashForm(version: Version | undefined): number {
  return (version?.protocol ?? 1) < 2 ? 0 : 1;
}
