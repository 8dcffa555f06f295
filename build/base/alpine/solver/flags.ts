/** Preferences among the providers of a name, as bits. */
export const Flag = {
  /** The newest, rather than the installed one. */
  upgrade: 0x01,
  /** One that a repository has. */
  available: 0x02,
  /** The installed one, installed again. */
  reinstall: 0x04,
  /** The newest, whatever it breaks. */
  latest: 0x08,
  /** Conflicts do not count. */
  ignoreConflict: 0x10,
  /** The installed one, even when upgrading. */
  installed: 0x20,
  /** It need not stay, even if it is installed. */
  remove: 0x40,
} as const;

/** Preferences for the packages of a name. */
export interface NameFlags {
  readonly name: string;
  readonly flags: number;
  /** The preferences that its dependencies inherit. */
  readonly inheritable: number;
}
