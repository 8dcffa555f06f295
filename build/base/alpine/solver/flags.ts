/** Preferences among the providers of a name, as bits. */
export const Flag = {
  /** Prefer the newest to the installed one. */
  upgrade: 0x01,
  /** Prefer one that a repository has. */
  available: 0x02,
  /** Install the installed one again. */
  reinstall: 0x04,
  /** Prefer the newest, even if it breaks something. */
  latest: 0x08,
  /** Ignore conflicts. */
  ignoreConflict: 0x10,
  /** Prefer the installed one, even during an upgrade. */
  installed: 0x20,
  /** Do not prefer the installed one, which may be removed. */
  remove: 0x40,
} as const;

/** Preferences for the packages of a name. */
export interface NameFlags {
  readonly name: string;
  readonly flags: number;
  /** The preferences that the dependencies of these packages inherit. */
  readonly inheritable: number;
}
