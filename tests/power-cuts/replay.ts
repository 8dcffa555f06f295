import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { type BlockDevice, readBytes, sliceDevice } from '../../build/disk/block-device.ts';
import { GRUB_CONFIG, SIGNED_GRUB_FOLDER } from '../../build/disk/boot-files.ts';
import { locateFile } from '../../build/disk/fat32.ts';
import { type DiskLayout, findPartition, type Slot } from '../../build/disk/layout.ts';
import { readLayout } from '../../build/disk/read-layout.ts';
import { must } from '../../build/error.ts';
import { Random } from '../fuzz/random.ts';
import { type Forecast, forecast, type Known, type SlotContent } from './oracle.ts';
import { UNIT } from './sectors.ts';
import { type LogEntry, WriteLog } from './write-log.ts';

/** QEMU's recording of a guest's disk, and the conditions that must hold after any cut. */
export interface Recording {
  /** The log of QEMU's blklogwrites. */
  log: string;
  /** The disk before the recording, a raw file; if absent, an empty disk of the same size as `end`. */
  start?: string | undefined;
  /** The disk after the recording, a raw file, from which the complete boot loader is read. */
  end: string;
  sectorSize: number;
  /** Name → file of an image. */
  images: Readonly<Record<string, string>>;
  /** Names of the images that may boot; null for nothing. */
  boots: readonly (string | null)[];
  /** Name of the UEFI loader in `/EFI/BOOT`; `BOOTX64.EFI` if absent. */
  loader?: string | undefined;
}

/** The GRUB that shim starts on a disk that boots by shim, and the first file that this GRUB reads. */
const AFTER_SHIM = ['/EFI/BOOT/grubx64.efi', `${SIGNED_GRUB_FOLDER}/${GRUB_CONFIG}`];

/** A cut of a recording. */
export interface ReplayedCut {
  /** Number of entries of the log before the cut. */
  entry: number;
  seed: number;
  /** Names of the images that the disk may then boot by BIOS and by UEFI; null for nothing. */
  bios: readonly (string | null)[];
  uefi: readonly (string | null)[];
  /** Writes the disk as the cut left it. */
  writeTo(file: string): void;
}

/** Options of `replayCuts`. */
export interface ReplayOptions {
  /** Number of cuts. */
  cuts: number;
  seed: number;
  /** Path of a temporary file with the disk at the present point of the replay. */
  work: string;
  /** The file systems are checked after one in this number of cuts; 20 if absent. */
  checkEvery?: number;
  onCut?: ((cut: ReplayedCut) => Promise<void> | void) | undefined;
}

/** Result of a replay. */
export interface ReplayReport {
  entries: number;
  flushes: number;
  bytes: number;
  cuts: number;
  /** Number of checked file systems. */
  checked: number;
  /** Outcome of a boot by UEFI → number of cuts. */
  outcomes: Readonly<Record<string, number>>;
}

/**
 * Cuts the power at many places of a guest's recorded writes: flushed writes are on the disk, and any part of the
 * others, in units of 512 bytes, or of 4096 bytes in file systems. After each cut, the boot is forecast; after some
 * cuts, the file systems are checked.
 * @throws Error naming the entry and the seed of the first cut that leaves a disk in a forbidden state
 */
export async function replayCuts(
  recording: Recording,
  options: ReplayOptions,
): Promise<ReplayReport> {
  using log = new WriteLog(recording.log);
  const entries = [...log.entries()];
  const places = placesOf(entries, options);
  using disk = await ReplayedDisk.open(recording, log, options.work);
  const outcomes: Record<string, number> = {};
  let [cuts, checked, flushes] = [0, 0, 0];
  let states = new Set([stateKey(await disk.forecast())]);
  for (const [index, entry] of entries.entries()) {
    disk.apply(entry);
    if (entry.flushes) {
      flushes += 1;
      states = new Set([stateKey(await disk.forecast())]);
    } else if (disk.touchesTables(entry)) {
      disk.chooseAll();
      states.add(stateKey(await disk.forecast()));
      disk.chooseNone();
    }
    for (let count = places.get(index) ?? 0; count > 0; count -= 1) {
      const seed = options.seed + index * 1009 + count;
      disk.choose(new Random(seed));
      const seen = await disk.forecast();
      const names = disk.check(seen, states);
      if (typeof names === 'string') throw new Error(`entry ${index}, seed ${seed}: ${names}`);
      cuts += 1;
      const name = names.uefi.map(String).join(' or ');
      outcomes[name] = (outcomes[name] ?? 0) + 1;
      const boots = !names.uefi.includes(null);
      if (boots && cuts % (options.checkEvery ?? 20) === 0) {
        checked += disk.checkFileSystems(`entry ${index}, seed ${seed}`);
      }
      await options.onCut?.({
        ...{ entry: index, seed, ...names },
        writeTo: (file) => disk.writeTo(file),
      });
      disk.chooseNone();
    }
  }
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  return { entries: entries.length, flushes, bytes, cuts, checked, outcomes };
}

function stateKey({ state }: Forecast): string {
  return JSON.stringify(state ?? null);
}

/**
 * Returns the number of cuts after each entry. Up to half of the cuts are just before flushes, and the rest are
 * anywhere.
 */
function placesOf(
  entries: readonly LogEntry[],
  { cuts, seed }: ReplayOptions,
): ReadonlyMap<number, number> {
  const places = new Map<number, number>();
  const add = (index: number) => places.set(index, (places.get(index) ?? 0) + 1);
  const flushes = entries.flatMap(({ flushes: is }, index) => (is && index > 0 ? [index - 1] : []));
  const step = Math.max(1, Math.ceil(flushes.length / (cuts / 2)));
  let left = cuts;
  for (let at = 0; at < flushes.length && left > 0; at += step, left -= 1) add(flushes[at] ?? 0);
  const random = new Random(seed);
  for (; left > 0; left -= 1) add(random.below(entries.length));
  return places;
}

/** Comparison of a slot with an image, unit by unit. */
interface SlotComparison {
  slot: Slot;
  sha256: string;
  /** First unit, and the one after the last. */
  from: number;
  to: number;
  file: number;
  bytes: number;
  equal: Uint8Array;
  /** Durable units that differ. */
  differing: number;
}

/** A written request that has not been flushed. */
interface Waiting extends LogEntry {
  /** For each comparison, whether each unit equals the image's; null if the request is outside the slot. */
  equal: (Uint8Array | null)[];
  /** Whether all of it is in an image, in configuration or in data; a forecast reads nothing there. */
  isContent: boolean;
}

/** Units of a request that were chosen; null for all. */
interface Picked {
  request: Waiting;
  units: Uint8Array | null;
}

class ReplayedDisk implements Disposable {
  readonly #recording: Recording;
  readonly #log: WriteLog;
  readonly #path: string;
  readonly #file: number;
  readonly #bytes: number;
  readonly #layout: DiskLayout;
  readonly #known: Omit<Known, 'contentOf'>;
  readonly #names: ReadonlyMap<string, string>;
  readonly #comparisons: SlotComparison[];
  #waiting: Waiting[] = [];
  /** Whether two waiting requests overlap. */
  #hasOverlaps = false;
  /** Chosen units outside the images: unit → position in the log; null for zeros. */
  #chosen = new Map<number, number | null>();
  /** The chosen units, in order. */
  #picked: Picked[] = [];

  static async open(recording: Recording, log: WriteLog, work: string): Promise<ReplayedDisk> {
    const bytes = statSync(recording.end).size;
    const device = fileDevice(recording.end, bytes, recording.sectorSize);
    const layout = await readLayout(device);
    if (layout === undefined) throw new Error(`${recording.end} is no installed disk`);
    const { offset, bytes: size } = findPartition(layout, 'efi');
    const efi = sliceDevice(device, offset, size);
    const fileOf = async (path: string) => {
      const found = await locateFile(efi, path);
      if (found === undefined) return undefined;
      const parts: Buffer[] = [];
      for (const extent of found.extents)
        parts.push(await readBytes(efi, extent.offset, extent.length));
      return { path, bytes: Buffer.concat(parts).subarray(0, found.bytes) };
    };
    const file = async (path: string) => must(await fileOf(path), `${path} on ${recording.end}`);
    const afterShim = await Promise.all(AFTER_SHIM.map(fileOf));
    const bios = layout.partitions.find(({ role }) => role === 'bios');
    let core: Buffer | undefined;
    if (bios !== undefined) {
      const first = await readBytes(device, bios.offset, 512);
      core = await readBytes(device, bios.offset, (first.readUInt16LE(0x1f4 + 8) + 1) * 512);
    }
    const known = {
      loader: await file(`/EFI/BOOT/${recording.loader ?? 'BOOTX64.EFI'}`),
      config: await file('/grub/grub.cfg'),
      afterShim: afterShim.filter((one) => one !== undefined),
      core,
    };
    if (recording.start === undefined) closeSync(openSync(work, 'w'));
    else execFileSync('cp', ['--sparse=always', '--reflink=auto', recording.start, work]);
    return new ReplayedDisk(recording, { log, work, bytes, layout, known });
  }

  private constructor(
    recording: Recording,
    parts: {
      log: WriteLog;
      work: string;
      bytes: number;
      layout: DiskLayout;
      known: Omit<Known, 'contentOf'>;
    },
  ) {
    const { log, work, bytes, layout, known } = parts;
    this.#recording = recording;
    this.#log = log;
    this.#path = work;
    this.#file = openSync(work, 'r+');
    ftruncateSync(this.#file, bytes);
    this.#bytes = bytes;
    this.#layout = layout;
    this.#known = known;
    const names = new Map<string, string>();
    this.#comparisons = [];
    for (const [name, path] of Object.entries(recording.images)) {
      const content = readFileSync(path);
      const sha256 = createHash('sha256').update(content).digest('hex');
      names.set(sha256, name);
      for (const slot of ['a', 'b'] as const) {
        const from = findPartition(layout, slot).offset / UNIT;
        const to = from + Math.ceil(content.length / UNIT);
        const equal = new Uint8Array(to - from);
        const comparison: SlotComparison = {
          ...{ slot, sha256, from, to, equal, differing: 0 },
          file: openSync(path, 'r'),
          bytes: content.length,
        };
        const found = this.#durable(from * UNIT, (to - from) * UNIT);
        this.#compare(comparison, from, found).forEach((is, index) => {
          equal[index] = is;
          if (is === 0) comparison.differing += 1;
        });
        this.#comparisons.push(comparison);
      }
    }
    this.#names = names;
    this.chooseNone();
  }

  #durable(offset: number, length: number): Buffer {
    const buffer = Buffer.alloc(length);
    readSync(this.#file, buffer, 0, length, offset);
    return buffer;
  }

  /** Returns for each unit of some bytes whether it equals the image's. */
  #compare(comparison: SlotComparison, unit: number, found: Buffer): Uint8Array {
    const wanted = Buffer.alloc(found.length);
    readSync(comparison.file, wanted, 0, found.length, (unit - comparison.from) * UNIT);
    const equal = new Uint8Array(found.length / UNIT);
    for (let index = 0; index < equal.length; index += 1) {
      const [at, end] = [index * UNIT, (index + 1) * UNIT];
      equal[index] = wanted.compare(found, at, end, at, end) === 0 ? 1 : 0;
    }
    return equal;
  }

  /** Adds an operation of a guest to the pending ones; a flush writes all of these. */
  apply(entry: LogEntry): void {
    if (entry.bytes > 0) {
      const unit = entry.offset / UNIT;
      const units = entry.bytes / UNIT;
      let content: Buffer | undefined;
      const equal = this.#comparisons.map((comparison) => {
        if (unit + units <= comparison.from || unit >= comparison.to) return null;
        content ??= this.#contentOf(entry);
        const [from, to] = [Math.max(unit, comparison.from), Math.min(unit + units, comparison.to)];
        const result = new Uint8Array(units);
        const part = content.subarray((from - unit) * UNIT, (to - unit) * UNIT);
        result.set(this.#compare(comparison, from, part), from - unit);
        return result;
      });
      const request = { ...entry, equal, isContent: !this.touchesTables(entry) };
      const [begin, end] = [entry.offset, entry.offset + entry.bytes];
      this.#hasOverlaps ||= this.#waiting.some(
        ({ offset, bytes }) => begin < offset + bytes && end > offset,
      );
      // The durable request also stays pending: otherwise, earlier pending requests could replace its content again.
      if (entry.forced) this.#settle(request);
      this.#waiting.push(request);
    }
    if (!entry.flushes) return;
    // The data of this request itself is written after the flush.
    const own = entry.bytes > 0 ? this.#waiting.splice(-1) : [];
    for (const request of this.#waiting) this.#settle(request);
    this.#waiting = own;
    this.#hasOverlaps = false;
  }

  #contentOf({ data, bytes }: LogEntry): Buffer {
    return data === null ? Buffer.alloc(bytes) : this.#log.read(data, bytes);
  }

  #settle(request: Waiting): void {
    writeSync(this.#file, this.#contentOf(request), 0, request.bytes, request.offset);
    const unit = request.offset / UNIT;
    for (const [index, comparison] of this.#comparisons.entries()) {
      const equal = request.equal[index];
      if (equal === null || equal === undefined) continue;
      const [from, to] = [
        Math.max(unit, comparison.from),
        Math.min(unit + equal.length, comparison.to),
      ];
      for (let at = from; at < to; at += 1) {
        const is = equal[at - unit] ?? 0;
        comparison.differing += (comparison.equal[at - comparison.from] ?? 0) - is;
        comparison.equal[at - comparison.from] = is;
      }
    }
  }

  /** Whether an entry is outside images, configuration and data. */
  touchesTables({ offset, bytes }: LogEntry): boolean {
    const most = Math.max(...this.#comparisons.map((comparison) => comparison.bytes));
    const image = Math.ceil(most / this.#recording.sectorSize) * this.#recording.sectorSize;
    return !this.#layout.partitions.some((one) => {
      const isSlot = one.role === 'a' || one.role === 'b';
      if (!isSlot && one.role !== 'configuration' && one.role !== 'data') return false;
      const size = isSlot ? image : one.bytes;
      return offset >= one.offset && offset + bytes <= one.offset + size;
    });
  }

  #inFileSystem({ offset }: LogEntry): boolean {
    return this.#layout.partitions.some(
      ({ role, offset: from, bytes }) =>
        /^(configuration|data)$/.test(role) && offset >= from && offset < from + bytes,
    );
  }

  chooseNone(): void {
    this.#chosen = new Map();
    this.#picked = [];
  }

  chooseAll(): void {
    this.#pick(() => null);
  }

  /** Chooses some of the pending writes: any units, whole requests, or all up to a partly written request. */
  choose(random: Random): void {
    const [way, share] = [random.below(4), 1 + random.below(9)];
    const last = random.below(this.#waiting.length + 1);
    this.chooseNone();
    if (way === 3 && random.below(2) === 0) return;
    const some = (count: number) => {
      const units = new Uint8Array(count);
      for (let at = 0; at < count; at += 1) units[at] = random.below(10) < share ? 1 : 0;
      return units;
    };
    this.#pick((count, index) => {
      if (way === 1) return random.below(10) < share ? null : undefined;
      if (way >= 2 && index !== last) return index < last ? null : undefined;
      return some(count);
    });
  }

  /** @param units returns the chosen units of a request; null for all, undefined for none */
  #pick(units: (count: number, index: number) => Uint8Array | null | undefined): void {
    this.chooseNone();
    for (const [index, request] of this.#waiting.entries()) {
      const count = request.bytes / UNIT;
      const chosen = request.forced ? null : units(count, index);
      if (chosen === undefined) continue;
      if (chosen !== null && this.#inFileSystem(request)) wholeBlocks(chosen, request.offset);
      this.#picked.push({ request, units: chosen });
      if (request.isContent) continue;
      const first = request.offset / UNIT;
      for (let at = 0; at < count; at += 1) {
        if (chosen?.[at] === 0) continue;
        this.#chosen.set(first + at, request.data === null ? null : request.data + at * UNIT);
      }
    }
  }

  #slotContent(slot: Slot): SlotContent {
    for (const [number, comparison] of this.#comparisons.entries()) {
      if (comparison.slot !== slot) continue;
      const differing = this.#differing(comparison, number);
      if (differing === 0) return { sha256: comparison.sha256 };
    }
    // The unit with the descriptor of an ISO 9660 file system, without which GRUB finds no file.
    const { offset } = findPartition(this.#layout, slot);
    return this.#unit((offset + 32_768) / UNIT, true).every((byte) => byte === 0)
      ? 'nothing'
      : 'parts';
  }

  /** Returns the number of units of a slot that differ from an image's after the chosen writes. */
  #differing({ from, to, equal: durable, differing }: SlotComparison, number: number): number {
    const now = new Map<number, number>();
    const seen: [number, number][] = [];
    let result = differing;
    for (const { request, units } of this.#picked) {
      const equal = request.equal[number];
      if (equal === null || equal === undefined) continue;
      const first = request.offset / UNIT;
      const [begin, end] = [Math.max(first, from), Math.min(first + equal.length, to)];
      // Where requests overlap, the last one counts.
      const overlaps = seen.some(([one, other]) => begin < other && end > one);
      seen.push([begin, end]);
      for (let unit = begin; unit < end; unit += 1) {
        if (units?.[unit - first] === 0) continue;
        const is = equal[unit - first] ?? 0;
        const before = (overlaps ? now.get(unit) : undefined) ?? durable[unit - from] ?? 0;
        result += before - is;
        if (this.#hasOverlaps) now.set(unit, is);
      }
    }
    return result;
  }

  /**
   * Returns a unit after the chosen writes.
   * @param inImage whether it is in an image, whose chosen writes are only in `#picked`
   */
  #unit(unit: number, inImage = false): Buffer {
    if (inImage) {
      for (const { request, units } of this.#picked.toReversed()) {
        const at = unit - request.offset / UNIT;
        if (at < 0 || at >= request.bytes / UNIT || units?.[at] === 0) continue;
        return request.data === null
          ? Buffer.alloc(UNIT)
          : this.#log.read(request.data + at * UNIT, UNIT);
      }
    }
    const place = this.#chosen.get(unit);
    if (place === undefined) return this.#durable(unit * UNIT, UNIT);
    return place === null ? Buffer.alloc(UNIT) : this.#log.read(place, UNIT);
  }

  async forecast(): Promise<Forecast> {
    const { sectorSize } = this.#recording;
    const device: BlockDevice = {
      ...{ sectorSize, bytes: this.#bytes },
      read: async (offset, length) => {
        const buffer = this.#durable(offset, length);
        if (this.#chosen.size === 0) return buffer;
        for (let done = 0; done < length; done += UNIT) {
          const unit = (offset + done) / UNIT;
          if (this.#chosen.has(unit)) this.#unit(unit).copy(buffer, done);
        }
        return buffer;
      },
      write: async () => {},
      flush: async () => {},
    };
    return forecast(device, { ...this.#known, contentOf: (slot) => this.#slotContent(slot) });
  }

  /** @returns what boots, or a description of a forbidden state */
  check(seen: Forecast, states: ReadonlySet<string>): Pick<ReplayedCut, 'bios' | 'uefi'> | string {
    if (seen.mismatched.length > 0)
      return `the trailer of slot ${seen.mismatched} belongs to another image`;
    const hasBios = this.#layout.partitions.some(({ role }) => role === 'bios');
    const names = (outcomes: Forecast['uefi']) => [
      ...new Set(
        outcomes.map((outcome) =>
          'nothing' in outcome
            ? null
            : 'image' in outcome
              ? (this.#names.get(outcome.image) ?? outcome.image)
              : `nothing whole (${outcome.broken})`,
        ),
      ),
    ];
    const [bios, uefi] = [hasBios ? names(seen.bios) : [], names(seen.uefi)];
    for (const name of [...bios, ...uefi]) {
      if (!this.#recording.boots.includes(name)) return `it boots ${name}`;
    }
    if (!uefi.includes(null) && !states.has(stateKey(seen))) {
      return `the boot state is ${stateKey(seen)}, which nobody wrote`;
    }
    return { bios, uefi };
  }

  /** Writes the resulting disk. */
  writeTo(file: string): void {
    execFileSync('cp', ['--sparse=always', '--reflink=auto', this.#path, file]);
    const target = openSync(file, 'r+');
    this.#writePicked(target, 0, this.#bytes);
    closeSync(target);
  }

  #writePicked(target: number, offset: number, bytes: number): void {
    for (const { request, units } of this.#picked) {
      const [from, to] = [request.offset, request.offset + request.bytes];
      if (to <= offset || from >= offset + bytes) continue;
      const content = this.#contentOf(request);
      for (let at = 0; at < content.length / UNIT; at += 1) {
        const place = from + at * UNIT - offset;
        if (units?.[at] === 0 || place < 0 || place >= bytes) continue;
        writeSync(target, content, at * UNIT, UNIT, place);
      }
    }
  }

  /**
   * Recovers and checks the file systems with e2fsck; errors that it does not repair automatically are damage.
   * @returns the number of file systems
   * @throws Error with e2fsck's output
   */
  checkFileSystems(where: string): number {
    let checked = 0;
    for (const { role, offset, bytes } of this.#layout.partitions) {
      if (role !== 'configuration' && role !== 'data') continue;
      const copy = `${this.#path}.${role}`;
      const range = [`skip=${offset}`, `count=${bytes}`, 'iflag=skip_bytes,count_bytes'];
      execFileSync('dd', [
        `if=${this.#path}`,
        `of=${copy}`,
        'bs=1M',
        ...range,
        'conv=sparse',
        'status=none',
      ]);
      const target = openSync(copy, 'r+');
      ftruncateSync(target, bytes);
      this.#writePicked(target, offset, bytes);
      closeSync(target);
      const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
      // Like a mount, e2fsck -p replays the journal and corrects counters and orphans; it makes no further repairs
      // without confirmation.
      const { status, stdout } = spawnSync('e2fsck', ['-fp', copy], { env, encoding: 'utf8' });
      rmSync(copy);
      if (status !== 0 && status !== 1) throw new Error(`${where}: ${role}: ${stdout}`);
      checked += 1;
    }
    return checked;
  }

  [Symbol.dispose](): void {
    closeSync(this.#file);
    for (const { file } of this.#comparisons) closeSync(file);
    rmSync(this.#path);
  }
}

/**
 * Units per physical sector of a real disk. ext4 relies on this for its superblock of 1024 bytes, which must be written
 * whole or not at all.
 */
const BLOCK_UNITS = 4096 / UNIT;

/** Makes all units of a block survive or be lost together. */
function wholeBlocks(units: Uint8Array, offset: number): void {
  const before = (offset / UNIT) % BLOCK_UNITS;
  for (let at = 0; at < units.length; at += 1) {
    const first = at - ((at + before) % BLOCK_UNITS);
    units[at] = units[Math.max(0, first)] ?? 0;
  }
}

function fileDevice(path: string, bytes: number, sectorSize: number): BlockDevice {
  return {
    ...{ bytes, sectorSize },
    async read(offset, length) {
      const file = openSync(path, 'r');
      const buffer = Buffer.alloc(length);
      readSync(file, buffer, 0, length, offset);
      closeSync(file);
      return buffer;
    },
    write: async () => {},
    flush: async () => {},
  };
}
