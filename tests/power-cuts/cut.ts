import { createHash } from 'node:crypto';
import type { BlockDevice } from '../../build/disk/block-device.ts';
import type { DiskLayout, Slot } from '../../build/disk/layout.ts';
import { findPartition } from '../../build/disk/layout.ts';
import { ExplainedError } from '../../build/explained-error.ts';
import { Random } from '../fuzz/random.ts';
import { type Forecast, forecast, type Known, type Outcome, type SlotContent } from './oracle.ts';
import { numberOf, type Operation, readUnits, type Sectors, UNIT } from './sectors.ts';

/** Operations on a disk, and the conditions that must hold after any cut. */
export interface Story {
  shape: { bytes: number; sectorSize: number };
  layout: DiskLayout;
  /** The disk before the operations. */
  start: Sectors;
  operations: readonly Operation[];
  /** Name → image; all have the same length. */
  images: Readonly<Record<string, Buffer>>;
  known: Omit<Known, 'contentOf'>;
  /** Whether configuration and data must stay unchanged, and be listed in the partition table. */
  keeps: boolean;
}

/** Options of `cutEverywhere`. */
export interface CutOptions {
  /** Number of cuts after each operation. */
  each: number;
  seed: number;
  /** Called with the disk after some of the cuts, to continue from there. */
  resume?: ((sectors: Sectors, seed: number) => Promise<void>) | undefined;
  /** One in this number of cuts is resumed. */
  resumeEvery?: number;
}

/** Thrown for a cut that leaves a disk in a forbidden state. */
export class CutFinding extends Error {}

/**
 * Cuts the power after each operation of a story, many times: flushed writes are on the disk, and any part of the
 * others, in units of 512 bytes.
 * @returns the number of cuts
 * @throws CutFinding naming the operation and the seed of the first cut that leaves a disk in a forbidden state
 */
export async function cutEverywhere(story: Story, options: CutOptions): Promise<number> {
  const disk = new CutDisk(story);
  const memory = new Map<string, Forecast>();
  let boots: readonly (string | null)[] = [];
  let [cuts, index] = [0, -1];
  let states = new Set([stateKey(await disk.look(new Map()))]);
  for (const operation of story.operations) {
    index += 1;
    if (operation.type === 'mark') {
      boots = operation.boots;
      continue;
    }
    if (operation.type === 'flush') {
      disk.flush();
      states = new Set([stateKey(await disk.look(new Map()))]);
    } else {
      disk.write(operation.offset, operation.data);
      states.add(stateKey(await disk.look(disk.all())));
    }
    for (let number = 0; number < options.each; number += 1) {
      const seed = options.seed + index * 100_003 + number;
      const random = new Random(seed);
      const lost = number === 0 ? new Map<number, number>() : disk.choose(random);
      const chosen = number === 1 ? disk.all() : lost;
      const sums = disk.sumsWith(chosen);
      const key = disk.key(sums);
      let seen = memory.get(key);
      if (seen === undefined) {
        seen = await disk.look(chosen, sums);
        memory.set(key, seen);
      }
      const problem = disk.problem(seen, sums, { boots, states });
      if (problem !== undefined) {
        throw new CutFinding(`operation ${index}, seed ${seed}: ${problem}`);
      }
      cuts += 1;
      if (options.resume !== undefined && cuts % (options.resumeEvery ?? 500) === 0) {
        await options.resume(disk.sectorsOf(chosen), seed);
      }
    }
  }
  return cuts;
}

function stateKey({ state }: Forecast): string {
  return JSON.stringify(state ?? null);
}

/** Parts of a disk, each with its own checksums; `rest` is everything outside the other parts. */
const PARTS = ['rest', 'a', 'b', 'configuration', 'data'] as const;

class CutDisk {
  readonly #story: Story;
  readonly #durable: Sectors;
  /** Contents written to each unit since the last flush, with the request. */
  readonly #pending = new Map<number, { content: number; request: number }[]>();
  #requests = 0;
  readonly #sums = new Int32Array(PARTS.length * 2);
  readonly #startSums: Int32Array;
  readonly #bounds: { part: number; from: number; to: number }[];
  readonly #imageSums: ReadonlyMap<string, { name: string; sha256: string }>;
  readonly #names: ReadonlyMap<string, string>;

  constructor(story: Story) {
    this.#story = story;
    this.#durable = new Map(story.start);
    const imageBytes = Math.max(...Object.values(story.images).map(({ length }) => length));
    this.#bounds = story.layout.partitions.flatMap(({ role, offset, bytes }) => {
      const part = PARTS.indexOf(role as (typeof PARTS)[number]);
      if (part <= 0) return [];
      const length = role === 'a' || role === 'b' ? imageBytes : bytes;
      return [{ part, from: offset / UNIT, to: Math.ceil((offset + length) / UNIT) }];
    });
    for (const [unit, content] of this.#durable) this.#add(this.#sums, unit, content);
    this.#startSums = this.#sums.slice();
    const imageSums = new Map<string, { name: string; sha256: string }>();
    const names = new Map<string, string>();
    for (const [name, image] of Object.entries(story.images)) {
      const sha256 = createHash('sha256').update(image).digest('hex');
      names.set(sha256, name);
      for (const slot of ['a', 'b'] as const) {
        const { offset } = findPartition(story.layout, slot);
        const sums = new Int32Array(PARTS.length * 2);
        const padded = Buffer.alloc(Math.ceil(image.length / UNIT) * UNIT);
        image.copy(padded);
        for (let at = 0; at < padded.length; at += UNIT) {
          this.#add(sums, (offset + at) / UNIT, numberOf(padded.subarray(at, at + UNIT)));
        }
        imageSums.set(`${slot} ${this.#sumOf(sums, slot)}`, { name, sha256 });
      }
    }
    this.#imageSums = imageSums;
    this.#names = names;
  }

  #partOf(unit: number): number {
    for (const { part, from, to } of this.#bounds) if (unit >= from && unit < to) return part;
    return 0;
  }

  /** Adds a unit's content to the sums; a second call with the same content removes it again. */
  #add(sums: Int32Array, unit: number, content: number): void {
    if (content === 0) return;
    const part = this.#partOf(unit);
    let mixed = Math.imul(unit ^ Math.imul(content, 0x9e3779b1), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0xc2b2ae35) ^ unit;
    sums[part * 2] = (sums[part * 2] ?? 0) ^ mixed;
    mixed = Math.imul((mixed ^ (mixed >>> 13)) + content, 0x27d4eb2f);
    sums[part * 2 + 1] = (sums[part * 2 + 1] ?? 0) ^ (mixed ^ (mixed >>> 16));
  }

  #sumOf(sums: Int32Array, part: (typeof PARTS)[number]): string {
    const at = PARTS.indexOf(part) * 2;
    return `${sums[at]},${sums[at + 1]}`;
  }

  write(offset: number, data: Buffer): void {
    this.#requests += 1;
    for (let done = 0; done < data.length; done += UNIT) {
      const unit = (offset + done) / UNIT;
      const content = numberOf(data.subarray(done, done + UNIT));
      const versions = this.#pending.get(unit) ?? [];
      versions.push({ content, request: this.#requests });
      this.#pending.set(unit, versions);
    }
  }

  flush(): void {
    for (const [unit, content] of this.all()) {
      this.#add(this.#sums, unit, this.#durable.get(unit) ?? 0);
      this.#add(this.#sums, unit, content);
      this.#durable.set(unit, content);
    }
    this.#pending.clear();
  }

  /** Returns all pending writes. */
  all(): Sectors {
    const chosen: Sectors = new Map();
    for (const [unit, versions] of this.#pending) chosen.set(unit, versions.at(-1)?.content ?? 0);
    return chosen;
  }

  /** Chooses some of the pending writes: any units, whole requests, or all up to a partly written request. */
  choose(random: Random): Sectors {
    const chosen: Sectors = new Map();
    const [way, share, salt] = [random.below(3), 1 + random.below(9), random.below(1 << 30)];
    const last = random.below(this.#requests + 1);
    for (const [unit, versions] of this.#pending) {
      for (const { content, request } of versions) {
        const taken =
          way === 0
            ? random.below(10) < share
            : way === 1
              ? new Random(salt + request).below(10) < share
              : request < last || (request === last && random.below(2) === 0);
        if (taken) chosen.set(unit, content);
      }
    }
    return chosen;
  }

  /** Returns checksums of the disk's parts, after some of the pending writes. */
  sumsWith(chosen: Sectors): Int32Array {
    const sums = this.#sums.slice();
    for (const [unit, content] of chosen) {
      this.#add(sums, unit, this.#durable.get(unit) ?? 0);
      this.#add(sums, unit, content);
    }
    return sums;
  }

  #contentOf(slot: Slot, sums: Int32Array): SlotContent {
    const sum = this.#sumOf(sums, slot);
    if (sum === '0,0') return 'nothing';
    const image = this.#imageSums.get(`${slot} ${sum}`);
    return image === undefined ? 'parts' : { sha256: image.sha256 };
  }

  /** Returns a key of everything that a forecast depends on. */
  key(sums: Int32Array): string {
    const contents = (['a', 'b'] as const).map((slot) =>
      JSON.stringify(this.#contentOf(slot, sums)),
    );
    return [this.#sumOf(sums, 'rest'), ...contents].join(' ');
  }

  async look(chosen: Sectors, sums = this.sumsWith(chosen)): Promise<Forecast> {
    const { shape, known } = this.#story;
    const at = (unit: number) => chosen.get(unit) ?? this.#durable.get(unit) ?? 0;
    const device: BlockDevice = {
      ...shape,
      read: async (offset, length) => readUnits(at, offset, length),
      write: async () => {
        throw new ExplainedError({ what: 'the power is off' });
      },
      flush: async () => {},
    };
    return forecast(device, { ...known, contentOf: (slot) => this.#contentOf(slot, sums) });
  }

  /** Describes the first forbidden result of a forecast. */
  problem(
    seen: Forecast,
    sums: Int32Array,
    allowed: { boots: readonly (string | null)[]; states: ReadonlySet<string> },
  ): string | undefined {
    if (seen.mismatched.length > 0)
      return `the trailer of slot ${seen.mismatched} belongs to another image`;
    const hasBios = this.#story.layout.partitions.some(({ role }) => role === 'bios');
    for (const [firmware, outcomes] of [
      ['BIOS', hasBios ? seen.bios : []],
      ['UEFI', seen.uefi],
    ] as const) {
      for (const outcome of outcomes) {
        const boots = this.#bootOf(outcome);
        if (allowed.boots.some((name) => name === boots)) continue;
        return `${firmware} boots ${boots}, and may boot ${allowed.boots.join(' or ')}`;
      }
    }
    const booted = seen.uefi.some((outcome) => 'image' in outcome);
    if (booted && !allowed.states.has(stateKey(seen))) {
      return `the boot state is ${stateKey(seen)}, which nobody wrote`;
    }
    if (!this.#story.keeps) return undefined;
    const found = seen.layout?.partitions.find(({ role }) => role === 'configuration');
    if (found?.offset !== findPartition(this.#story.layout, 'configuration').offset) {
      return 'the partition with the configuration is lost';
    }
    for (const part of ['configuration', 'data'] as const) {
      if (this.#sumOf(sums, part) !== this.#sumOf(this.#startSums, part)) {
        return `${part} is not as it was`;
      }
    }
    return undefined;
  }

  #bootOf(outcome: Outcome): string | null {
    if ('nothing' in outcome) return null;
    if ('broken' in outcome) return `nothing whole (${outcome.broken})`;
    return this.#names.get(outcome.image) ?? outcome.image;
  }

  sectorsOf(chosen: Sectors): Sectors {
    const sectors = new Map(this.#durable);
    for (const [unit, content] of chosen) sectors.set(unit, content);
    return sectors;
  }
}
