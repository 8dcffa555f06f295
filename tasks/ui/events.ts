import type { AdvisoryReport, DatabaseAge, Finding } from '../../build/advisories/assess.ts';
import type { AdvisoryPin } from '../../build/advisories/pins.ts';
import type { FileChange, FolderChange, SettingChange } from '../../build/comparison/compare.ts';
import type { SourceState } from '../../build/image/source-state.ts';
import type { PackageChange } from '../../build/lock/compare.ts';
import type { Reason } from '../../build/lock/reasons.ts';
import type { RemadeFile } from '../../build/release/rebuild.ts';
import type { ReleaseFile } from '../../build/release/release-files.ts';
import type { Place } from './place.ts';

/** A package of an image, and why it is in the image. */
export interface ShownPackage {
  name: string;
  version: string;
  /** Size of its archive in bytes. */
  archiveSize: number;
  /** Size of its files in bytes, as stated in the package; null if not stated, or the archive is not in the cache. */
  installedSize: number | null;
  /** Null if unknown. */
  why: Reason | null;
}

/** The image that is shown. */
interface ShownImage {
  image: string;
  base: string;
  architecture: string;
  flavour: string;
}

/** One difference between two images or locks, with the list of `Differences` that it belongs to. */
type DifferenceEvent =
  | ({ of: 'package' } & PackageChange)
  | ({ of: 'setting' } & SettingChange)
  | ({ of: 'file' } & FileChange)
  | ({ of: 'folder' } & FolderChange);

/** An event that `--json` prints, one per line; a stable format for CI. */
export type BuildEvent =
  | { event: 'start'; image: string; step: string }
  | { event: 'progress'; image: string; step: string; done: number; total: number }
  | {
      event: 'done';
      image: string;
      step: string;
      cached: boolean;
      /** Name of the key that signed the result, if it comes from a remote cache. */
      origin?: string | undefined;
      seconds: number;
    }
  | { event: 'note'; text: string }
  /** A chart that was written to a file, as text for a font in which all characters have the same width. */
  | { event: 'chart'; title: string; text: string }
  | ({ event: 'profile'; profile: object } & ShownImage)
  | ({ event: 'packages'; packages: ShownPackage[] } & ShownImage)
  | { event: 'version'; version: string; source: SourceState | null }
  | { event: 'built'; image: string; file: string; size: number; sha256: string; upToDate: boolean }
  | { event: 'released'; list: string; files: ReleaseFile[]; kept: number; peak: number }
  | {
      event: 'explain';
      image: string;
      step: string;
      runs: boolean;
      origin?: string | undefined;
      because: string[];
    }
  | ({ event: 'advisory'; image: string; packages: string[]; open: boolean } & Omit<
      Finding,
      'packages'
    >)
  | ({
      event: 'advisories';
      image: string;
      open: number;
      data: (AdvisoryPin & Omit<DatabaseAge, 'pin'>)[];
    } & Pick<AdvisoryReport, 'expired' | 'unknown' | 'malformed'>)
  | ({ event: 'difference' } & DifferenceEvent)
  | ({ event: 'remade' } & RemadeFile)
  | { event: 'finding'; kind: string; file: string; what: string }
  | ({ event: 'error'; message: string; log?: string | undefined } & Partial<Place>);

/** Output of a command: lines for people, or events for programs. */
export interface Output {
  readonly json: boolean;
  /** Whether lines may be redrawn: standard output is a terminal with cursor control. */
  readonly interactive: boolean;
  /** Prints a line for people; with `--json`, a `note` event. */
  say(line: string): void;
  /** Prints an event; nothing without `--json`. */
  emit(event: BuildEvent): void;
}

/** Returns the output of a command. */
export function makeCommandOutput({ json }: { json: boolean }): Output {
  const emit = (event: BuildEvent) => {
    if (json) process.stdout.write(`${JSON.stringify(event)}\n`);
  };
  return {
    json,
    interactive: process.stdout.isTTY === true && process.env.TERM !== 'dumb' && !json,
    emit,
    say: (line) => {
      if (json) emit({ event: 'note', text: line });
      else process.stdout.write(`${line}\n`);
    },
  };
}
