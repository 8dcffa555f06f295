import type { Elf } from '../../elf/elf.ts';
import { nameOf } from '../../tree/path.ts';
import type { Finding } from '../finding.ts';
import { listDefaultLibraryPaths, ownLibraryPaths } from '../library-paths.ts';
import type { Survey } from '../survey.ts';

const RULE = 'library';

/**
 * The interpreter of every program, and every library that a program or library needs, must be in the tree, for the
 * same machine. Each library is checked too, so indirect dependencies are covered.
 */
export function findMissingLibraries(survey: Survey): Finding[] {
  const search = new Search(survey);
  const findings: Finding[] = [];
  for (const [path, why] of survey.damaged) {
    const fix = 'Leave it out of the image, or get an undamaged package.';
    findings.push({ rule: RULE, path, what: `is a ${why}`, fix });
  }
  for (const [path, elf] of survey.elf) {
    const { interpreter } = elf;
    if (interpreter !== undefined && survey.tree.file(interpreter) === undefined) {
      const fix = 'Add the package of the C library it was built for, or leave it out.';
      const what = `needs the loader ${interpreter}, which is missing`;
      findings.push({ rule: RULE, path, what, fix });
    }
    for (const name of elf.needed) {
      const why = search.problem(path, elf, name);
      if (why === undefined) continue;
      const fix = `Add the package that has ${nameOf(name)}, or leave out what needs it.`;
      findings.push({ rule: RULE, path, what: `needs ${name}, which is ${why}`, fix });
    }
  }
  return findings;
}

/** Finds libraries as the dynamic loader does (ld.so(8)). */
class Search {
  readonly #survey: Survey;
  readonly #defaults = new Map<number, string[]>();
  /** Results of searching the default directories, by machine, word size and name. */
  readonly #known = new Map<string, Outcome>();

  #byName: Map<string, string> | undefined;

  constructor(survey: Survey) {
    this.#survey = survey;
  }

  /** Says why a library that the file at `path` needs cannot be loaded; `undefined` if it can. */
  problem(path: string, elf: Elf, name: string): string | undefined {
    const outcome = this.#find(path, elf, name);
    if (outcome === 'found') return undefined;
    if (outcome === 'foreign') return 'there for another machine only';
    this.#byName ??= new Map([...this.#survey.elf.keys()].map((at) => [nameOf(at), at]));
    const elsewhere = this.#byName.get(name);
    if (elsewhere === undefined) return 'missing';
    return `only at /${elsewhere}, where the loader does not look`;
  }

  #find(path: string, elf: Elf, name: string): Outcome {
    if (name.includes('/')) return this.#look(name, elf);
    const own = ownLibraryPaths(path, elf).map((at) => this.#look(`${at}/${name}`, elf));
    return own.includes('found') ? 'found' : this.#default(elf, name);
  }

  #default(elf: Elf, name: string): Outcome {
    const key = `${elf.machine} ${elf.bits} ${name}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = this.#directories(elf.machine).map((at) => this.#look(`${at}/${name}`, elf));
    const outcome =
      (['found', 'foreign'] as const).find((each) => found.includes(each)) ?? 'missing';
    this.#known.set(key, outcome);
    return outcome;
  }

  #look(path: string, { machine, bits, littleEndian }: Elf): Outcome {
    const file = this.#survey.tree.file(path);
    if (file === undefined) return 'missing';
    const library = this.#survey.elf.get(file.path);
    if (library?.type !== SHARED || library.machine !== machine) return 'foreign';
    return library.bits === bits && library.littleEndian === littleEndian ? 'found' : 'foreign';
  }

  #directories(machine: number): string[] {
    const known = this.#defaults.get(machine);
    if (known !== undefined) return known;
    const { tree } = this.#survey;
    const all = listDefaultLibraryPaths(tree, machine).map((path) => tree.canonical(path));
    const directories = [...new Set(all.filter((path) => path !== undefined))];
    this.#defaults.set(machine, directories);
    return directories;
  }
}

type Outcome = 'found' | 'foreign' | 'missing';

/** `ET_DYN`. */
const SHARED = 3;
