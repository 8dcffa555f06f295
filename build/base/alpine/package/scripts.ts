/** Scripts that a package may have, in apk's order. They are stored in the database, never run. */
export const SCRIPTS = [
  'pre-install',
  'post-install',
  'pre-deinstall',
  'post-deinstall',
  'pre-upgrade',
  'post-upgrade',
  'trigger',
] as const;

export type ScriptName = (typeof SCRIPTS)[number];

/** Whether a name is that of a script. */
export function isScript(name: string): name is ScriptName {
  return SCRIPTS.some((script) => script === name);
}
