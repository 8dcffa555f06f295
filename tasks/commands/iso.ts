import { openCache } from '../../build/cache/mark.ts';
import { ensureInstalled } from '../../build/host/install.ts';
import { buildRequirements, LAYOUT_REQUIREMENTS } from '../../build/host/requirements.ts';
import { FORMATS } from '../../build/image/format.ts';
import { prepareImage } from '../../build/image/prepare.ts';
import { isUpToDate, readRecord } from '../../build/image/record.ts';
import { requireDistinct } from '../../build/profile/load.ts';
import type { RemoteCache } from '../../build/remote-cache/remote-cache.ts';
import { withBuildLog } from '../build-log.ts';
import { addOwnerOptions, openOwnerKey } from '../owner-key.ts';
import { PROJECT } from '../project.ts';
import type { Built } from '../summary.ts';
import {
  addAdditionOptions,
  addJobsOption,
  addStepOptions,
  chooseProfiles,
  listImagePaths,
  toImageOptions,
} from './context.ts';
import { defineCommand } from './define.ts';

/** `qx-build iso`: builds images, or reports that they are up to date. */
export const isoCommand = defineCommand({
  command: 'iso',
  describe: 'Build the bootable images of profiles',
  builder: (yargs) => addOwnerOptions(addJobsOption(addAdditionOptions(addStepOptions(yargs)))),
  paths: (options) => listImagePaths(options),
  handler: async (options, { output, signal }) => {
    const layout = FORMATS[options.format].layout === 'raw' ? [] : LAYOUT_REQUIREMENTS;
    const requirements = [...buildRequirements(options.arch), ...layout];
    await ensureInstalled(requirements, { say: output.say, signal });
    const owner = await openOwnerKey(options, signal);
    const { reportResult, hasDocuments, reportOtherTools } = await import('../summary.ts');
    const { withRemoteCache } = await import('../remote-cache.ts');
    const profiles = chooseProfiles(options);
    await requireDistinct(PROJECT, profiles, options.arch, ({ name }) => name);
    const build = async (remote: RemoteCache | 'forbidden' | undefined) => {
      const others = remote === 'forbidden' ? remote : 'allowed';
      const images: Built[] = [];
      for (const name of profiles) {
        const image = await prepareImage(name, {
          ...toImageOptions(options, { output, signal }),
          owner,
        });
        const record = readRecord(image.lockRequest.cache, image.file);
        const made = record !== undefined && isUpToDate(record, image.file, image.plan, others);
        if (made && (await hasDocuments(image, record.sha256))) {
          const { name: product } = image.facts.profile;
          output.say(`${product}: up to date, nothing to do`);
          images.push({ image: product, file: image.file, sha256: record.sha256, times: [] });
          continue;
        }
        reportOtherTools(image, output.say);
        const { buildIso } = await import('../iso.ts');
        images.push(await buildIso(image, output, { remote }));
      }
      return images;
    };
    const built = await withBuildLog(
      openCache(options.cacheDir),
      `${options.format} of ${profiles.join(', ')}`,
      () => withRemoteCache(options, output, build),
    );
    reportResult(built, output);
  },
});
