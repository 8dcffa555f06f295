/** What is preferred of the packages that can stand for a name; bits of a set. */
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
  /** Any but this. */
  remove: 0x40,
} as const;

/** What is preferred of the packages under a name. */
export interface NameFlags {
  readonly name: string;
  readonly flags: number;
  /** Those that what it depends on gets, too. */
  readonly inheritable: number;
}
