import type { Survey } from './survey.ts';

/** Something in a root filesystem that cannot work, or must not be there. */
export interface Finding {
  /** Which rule found it. */
  rule: string;
  /** Tree path. */
  path: string;
  /** One clause without a full stop, without the path: `needs libz.so.1, which is missing`. */
  what: string;
  /** What the reader can do, as a sentence. */
  fix: string;
}

/** What an audit must know besides the tree. A profile can be passed as it is. */
export interface AuditOptions {
  /** Set-uid and set-gid files that are wanted: absolute path → reason. */
  setuid: Readonly<Record<string, string>>;
  /**
   * Findings that are accepted: absolute path → reason. A path names itself and all below it;
   * `*` stands for any characters but `/`.
   */
  allow?: Readonly<Record<string, string>> | undefined;
  /** The program that the kernel starts first: tree path, and the `e_machine` of the CPU it is for. */
  init?: { path: string; machine: number } | undefined;
  /** Tree paths at which busybox may be; `bin/busybox` if absent. */
  busybox?: readonly string[] | undefined;
  /** Busybox applets that init, the initramfs and others call by name. */
  applets?: readonly string[] | undefined;
  /** Kind of machine → drivers that the kernel must have for it. */
  drivers?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** One thing an audit looks for; every rule sees the same survey, none changes it. */
export type Rule = (survey: Survey, options: AuditOptions) => Finding[];
