import { readTrustedKeys } from '../../../build/release/keys.ts';
import { type ReleaseLine, releasePath } from '../../../build/release/tree.ts';
import {
  byRequestSchema,
  type FleetRollout,
  type FleetUpdates,
  rolloutRequestSchema,
  rolloutResumeSchema,
} from '../../api/fleet.ts';
import { ExplainedError, messageOf } from '../../error.ts';
import { readJson } from '../../http/body.ts';
import { ApiError } from '../../http/error.ts';
import { makeJsonAnswer, type Route } from '../../http/route.ts';
import type { Config } from '../config.ts';
import type { Database, Executor } from '../database/database.ts';
import {
  pauseRollout,
  readFleetRollouts,
  resumeRollout,
  startRollout,
} from '../database/repositories/rollouts.ts';
import { find } from '../operator/find.ts';
import { explainErrors } from '../operator/routes.ts';
import { listConfiguredLines, type MirrorState } from './keep-mirror.ts';
import { type KeptRelease, listLines, pin, readKept, type TreeTurn } from './tree.ts';

/** Product of hosts; QvDC itself is updated with qx-update. */
const PRODUCT = 'quantix-os';

/** What the routes use. */
export interface UpdateSources {
  readonly database: Database;
  readonly updates: Config['updates'];
  /** Returns the state of the mirroring of each line. */
  readonly mirrored: () => readonly MirrorState[];
  readonly inTurn: TreeTurn;
  readonly now?: () => Date;
}

/** Creates the routes `/v1/updates…` for `qx-controlplane updates`. */
export function updateRoutes(sources: UpdateSources): Route[] {
  const { database, inTurn, now = () => new Date() } = sources;
  const { db } = database;
  const routes: Route[] = [
    {
      method: 'GET',
      path: '/v1/updates',
      answer: async () => {
        const rollouts = await readFleetRollouts(db, { now: now() });
        const upstream = sources.updates.upstream ?? null;
        return makeJsonAnswer({ upstream, releases: await readReleases(sources), rollouts });
      },
    },
    {
      method: 'POST',
      path: '/v1/updates',
      answer: async (request) => {
        const { by, channel, architecture, version, ...how } = await readJson(
          request,
          rolloutRequestSchema,
        );
        const line = { product: PRODUCT, channel, architecture };
        const id = await inTurn(async () => {
          const kept = await releaseToStart(sources, line, { version, now: now() });
          await pin(sources.updates.folder, kept);
          return await startRollout(db, { release: kept.release, ...how, by, now: now() });
        });
        if (id !== undefined) return makeJsonAnswer(await readRollout(db, id, now()));
        throw new ApiError(409, `a roll-out of ${PRODUCT} for ${architecture} is under way`, {
          fix: 'qx-controlplane updates list shows which. Pause it first.',
        });
      },
    },
    {
      method: 'GET',
      path: '/v1/updates/:id',
      answer: async (_request, given) =>
        makeJsonAnswer(await readRollout(db, await find(db, 'rollout', given), now())),
    },
    {
      method: 'POST',
      path: '/v1/updates/:id/pause',
      answer: async (request, given) => {
        const { by } = await readJson(request, byRequestSchema);
        const id = await find(db, 'rollout', given);
        await pauseRollout(db, id, { by });
        const rollout = await readRollout(db, id, now());
        if (rollout.finishedAt === null) return makeJsonAnswer(rollout);
        throw new ApiError(409, `the roll-out of ${rollout.version} is over`);
      },
    },
    {
      method: 'POST',
      path: '/v1/updates/:id/resume',
      answer: async (request, given) => {
        const resume = await readJson(request, rolloutResumeSchema);
        const id = await find(db, 'rollout', given);
        if (await resumeRollout(db, id, { ...resume, now: now() })) {
          return makeJsonAnswer(await readRollout(db, id, now()));
        }
        const { version, finishedAt } = await readRollout(db, id, now());
        const state = finishedAt === null ? 'is not paused' : 'is over';
        throw new ApiError(409, `the roll-out of ${version} ${state}`);
      },
    },
  ];
  return routes.map((route) => ({ ...route, answer: explainErrors(route.answer) }));
}

async function readRollout(db: Executor, id: string, now: Date): Promise<FleetRollout> {
  const [rollout] = await readFleetRollouts(db, { now, id });
  if (rollout === undefined) throw new ApiError(404, 'the roll-out no longer exists');
  return rollout;
}

/** Finds the release of a new roll-out. @throws ApiError saying why there is none */
async function releaseToStart(
  { updates }: UpdateSources,
  line: ReleaseLine,
  { version, now }: { version: string | undefined; now: Date },
): Promise<KeptRelease> {
  const { folder, keys } = updates;
  const name = releasePath(line).replace('/release.json', '');
  const fix = 'qx-controlplane updates list shows what is here.';
  const kept = await readTrustedKeys(keys)
    .then((trusted) => readKept(folder, line, trusted))
    .catch((error: unknown) => {
      if (error instanceof ExplainedError) throw new ApiError(409, error.message);
      throw error;
    });
  if (kept === undefined) throw new ApiError(404, `there is no release of ${name} here`, { fix });
  const { release } = kept;
  if (!kept.isWhole)
    throw new ApiError(409, `the image of ${release.version} is not here`, { fix });
  if (version !== undefined && version !== release.version) {
    throw new ApiError(404, `the release of ${name} is ${release.version}, not ${version}`, {
      fix,
    });
  }
  if (Date.parse(release.expires) > now.getTime()) return kept;
  throw new ApiError(409, `the release ${release.version} expired at ${release.expires}`, {
    fix: 'Hosts refuse it. Publish it again.',
  });
}

/** Reads the present release of each line that is mirrored or in the tree. */
async function readReleases({
  updates,
  mirrored,
}: UpdateSources): Promise<FleetUpdates['releases']> {
  const { folder, keys, upstream } = updates;
  const states = new Map(mirrored().map((state) => [releasePath(state.line), state]));
  const lines = [
    ...(upstream === undefined ? [] : listConfiguredLines(updates)),
    ...(await listLines(folder)),
  ];
  const each = new Map(lines.map((line) => [releasePath(line), line]));
  return await Promise.all(
    [...each].map(async ([path, line]) => {
      const state = states.get(path);
      const common = { ...line, askedAt: state?.askedAt?.toISOString() ?? null };
      try {
        const kept = await readKept(folder, line, await readTrustedKeys(keys));
        if (kept === undefined)
          return { ...common, release: null, problem: state?.problem ?? null };
        const { version, serial, issued, expires, image } = kept.release;
        const release = { version, serial, issued, expires, bytes: image.bytes };
        const problem = state?.problem ?? (kept.isWhole ? null : 'its image is not here');
        return { ...common, release: { ...release, isWhole: kept.isWhole }, problem };
      } catch (error) {
        return { ...common, release: null, problem: messageOf(error) };
      }
    }),
  );
}
