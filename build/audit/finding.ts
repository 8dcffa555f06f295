import type { Survey } from './survey.ts';

/** Something in a root filesystem that cannot work, or must not exist. */
export interface Finding {
  /** Name of the rule. */
  rule: string;
  /** Tree path. */
  path: string;
  /** One clause without full stop and path: `needs libz.so.1, which is missing`. */
  what: string;
  /** What the reader can do, as a sentence. */
  fix: string;
}

/** What an audit needs besides the tree. A profile can be passed directly. */
export interface AuditOptions {
  /** Intended set-uid and set-gid files: absolute path → reason. */
  setuid: Readonly<Record<string, string>>;
  /**
   * Findings to accept: absolute path → reason. A path includes everything below it; `*` stands for any characters
   * except `/`.
   */
  allow?: Readonly<Record<string, string>> | undefined;
  /** The program that the kernel starts first: its tree path, and the `e_machine` of the image's architecture. */
  init?: { path: string; machine: number } | undefined;
  /** Tree paths at which to look for busybox; `bin/busybox` if absent. */
  busybox?: readonly string[] | undefined;
  /** Busybox applets that init, the initramfs and others call by name. */
  applets?: readonly string[] | undefined;
  /** Tree paths of directories whose contents exist only at run time, in addition to those of every system. */
  mountPoints?: readonly string[] | undefined;
  /** Kind of machine → drivers that the kernel must have for it. */
  drivers?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** Looks for one kind of problem. All rules share one survey, and do not change it. */
export type Rule = (survey: Survey, options: AuditOptions) => Finding[];
