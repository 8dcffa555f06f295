/** Scripts that a package may have, in the order in which apk keeps them. They are kept, never run. */
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

/** Recognises the name of a script. */
export function isScript(name: string): name is ScriptName {
  return SCRIPTS.some((script) => script === name);
}
