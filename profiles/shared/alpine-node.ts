import type { NodeArchive } from '../../build/profile/schema.ts';

/**
 * Node for Alpine's C library, which runs the programs of `apps/`; README.md, "Programs on Alpine", says where it is and
 * how its hash is checked. Nobody has vouched for one yet, so an Alpine image with programs is refused.
 */
export const node: NodeArchive | undefined = undefined;
