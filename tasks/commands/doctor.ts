import { ARCHITECTURE_NAMES } from '../../build/architecture.ts';
import { BASE_NAMES, BASES } from '../../build/bases.ts';
import { BuildError } from '../../build/error.ts';
import { ensureInstalled } from '../../build/host/install.ts';
import {
  buildRequirements,
  CONTROL_PLANE_REQUIREMENTS,
  listBaseRequirements,
  listMissing,
  listQemuRequirements,
  TEST_REQUIREMENTS,
} from '../../build/host/requirements.ts';
import { defineCommand, NO_PATHS } from './define.ts';

const PURPOSES = [
  ...BASE_NAMES.map((name) => ({
    purpose: `take packages from ${BASES[name].title}`,
    requirements: listBaseRequirements(name),
  })),
  ...ARCHITECTURE_NAMES.flatMap((name) => [
    { purpose: `build images for ${name}`, requirements: buildRequirements(name) },
    { purpose: `boot images for ${name}`, requirements: listQemuRequirements(name) },
  ]),
  { purpose: 'run a control plane', requirements: CONTROL_PLANE_REQUIREMENTS },
  { purpose: 'run the tests', requirements: TEST_REQUIREMENTS },
];

/** `qx-build doctor`: shows what this host can build, and what it lacks for the rest. */
export const doctorCommand = defineCommand({
  command: 'doctor',
  describe: 'Say what this host can do, and what it lacks for the rest',
  builder: (yargs) =>
    yargs.option('install', {
      type: 'boolean',
      default: false,
      describe: 'Install what is missing (Debian, as root)',
    }),
  paths: () => NO_PATHS,
  handler: async ({ install }, { output, signal }) => {
    const all = PURPOSES.flatMap(({ requirements }) => requirements);
    if (install) {
      await ensureInstalled(all, { say: output.say, signal });
      return;
    }
    for (const { purpose, requirements } of PURPOSES) {
      const absent = listMissing(requirements);
      const names = absent.map((one) => `${one.name} (package ${one.package})`).join(', ');
      output.say(`${purpose}: ${absent.length === 0 ? 'all is there' : `missing: ${names}`}`);
    }
    const packages = [...new Set(listMissing(all).map((one) => one.package))].sort().join(' ');
    if (packages === '') return;
    throw new BuildError({
      what: 'this host lacks programs',
      fix: `As root: apt-get install --no-install-recommends ${packages}`,
    });
  },
});
