import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ARCHITECTURE_NAMES, DEFAULT_ARCHITECTURE } from '../../build/architecture.ts';
import { BuildError } from '../../build/error.ts';
import { PROJECT } from '../project.ts';
import { addProfileOptions, chooseProfiles } from './context.ts';
import { CommandExit, defineCommand, requireOnce } from './define.ts';

const EPILOGUE = `Nothing is downloaded: docs/image-documents.md says where Alpine and Debian publish their advisories.

  qx-build advisories --pin debian.json    notes hash and date in profiles/advisories.lock.json
  qx-build advisories debian.json          shows what is open in the images, by their locks

Exit codes: 1 a file is too old, or not the pinned one; 3 something is open that --fail-on names.`;

/** Exit code if there are findings of the kind that `--fail-on` names. */
const OPEN = 3;

/** `qx-build advisories`: lists known vulnerabilities of the packages in the images. */
export const advisoriesCommand = defineCommand({
  command: 'advisories <files..>',
  describe: 'List the known vulnerabilities that are open in the images, by their locks',
  builder: (yargs) =>
    addProfileOptions(yargs)
      .positional('files', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: "Alpine's security databases, the JSON of Debian's security tracker",
      })
      .option('pin', {
        type: 'boolean',
        describe: 'Pin these files, and stop',
      })
      .option('date', {
        type: 'string',
        implies: 'pin',
        describe: 'Day on which they were published',
        defaultDescription: "each file's own",
      })
      .option('pins', {
        type: 'string',
        default: 'profiles/advisories.lock.json',
        describe: 'File with the pinned files',
      })
      .option('arch', {
        choices: ARCHITECTURE_NAMES,
        default: DEFAULT_ARCHITECTURE,
        describe: 'CPU that the image is for',
      })
      .option('flavour', {
        choices: ['virt', 'full'] as const,
        default: 'full' as const,
        describe: 'Kernel of the image',
      })
      .option('max-age', {
        type: 'number',
        default: 30,
        describe: 'Days after which a file is too old',
      })
      .option('as-of', {
        type: 'string',
        describe: 'Day that counts as today, to make a report again',
        defaultDescription: 'today',
      })
      .option('fail-on', {
        choices: ['open', 'fixable'] as const,
        describe: 'End with code 3 if something is open, or open and fixed in a newer version',
      })
      .option('vex', {
        type: 'string',
        describe: 'Folder for <profile>.vex.cdx.json: findings and reviews as CycloneDX 1.6',
      })
      .check(
        requireOnce(...['date', 'pins', 'arch', 'flavour', 'max-age', 'as-of', 'fail-on', 'vex']),
      )
      .check(({ maxAge }) => {
        const days = Number(maxAge);
        return (days >= 0 && days < Infinity) || '--max-age is a number of days';
      })
      .epilogue(EPILOGUE),
  paths: ({ files, vex, pins, pin }) => ({
    reads: [...files, ...(pin === true ? [] : [pins])],
    writes: [...(pin === true ? [dirname(pins)] : []), ...(vex === undefined ? [] : [vex])],
  }),
  handler: async (options, { output }) => {
    const { files, vex, maxAge, flavour, base, arch: architecture, failOn } = options;
    const { pinAdvisories, readPinned } = await import('../../build/advisories/pins.ts');
    const pinsFile = options.pins;
    const today = new Date().toISOString().slice(0, 10);
    if (options.pin === true) {
      const date = options.date === undefined ? undefined : dayOf(options.date);
      for (const pin of await pinAdvisories(files, { pinsFile, date })) {
        const about = [pin.base, pin.suite, pin.repository].filter((word) => word !== undefined);
        output.say(`${pin.name}: ${about.join(' ')}, of ${pin.date}, SHA-256 ${pin.sha256}`);
      }
      return;
    }
    if (vex !== undefined) await mkdir(vex, { recursive: true });
    const { reportAdvisories } = await import('../advisories.ts');
    const { outdated, open, fixable } = await reportAdvisories(
      {
        ...{
          projectDirectory: PROJECT,
          profiles: chooseProfiles(options),
          base,
          architecture,
          flavour,
        },
        ...{ databases: await readPinned(files, pinsFile), maxAge },
        asOf: options.asOf === undefined ? today : dayOf(options.asOf),
        vexFile: vex === undefined ? undefined : (profile) => join(vex, `${profile}.vex.cdx.json`),
      },
      output,
    );
    if (outdated.length > 0) {
      throw new BuildError({
        what: `advisories are too old to say what is open today: ${outdated.join('; ')}`,
        fix: 'Download them again and pin them with `qx-build advisories --pin FILE…`.',
      });
    }
    if ((failOn === 'open' && open > 0) || (failOn === 'fixable' && fixable > 0)) {
      throw new CommandExit(OPEN);
    }
  },
});

/** Checks that a text is a date such as `2026-11-28`, and returns it. @throws BuildError if it is not */
function dayOf(text: string): string {
  const date = new Date(text);
  if (
    /^\d{4}-\d\d-\d\d$/.test(text) &&
    !Number.isNaN(date.getTime()) &&
    date.toISOString().startsWith(text)
  )
    return text;
  throw new BuildError({
    what: `${JSON.stringify(text)} is not a day`,
    fix: 'Write it as 2026-11-28.',
  });
}
