/**
 * Returns an apk version for a Debian one. Each part that Debian adds to upstream's version becomes its nearest
 * equivalent: `~` sorts before (`_pre`), `+` and a letter with a number after (`_p`), and the first number of the
 * revision is apk's `-r`.
 * @param version as in `Packages`: `[epoch:]upstream[-revision]` (deb-version(7)), such as `1:9.2p1-2+deb12u10`
 * @returns a version that apk-tools 3 accepts, such as `9.2_p1-r2`
 */
export function apkVersion(version: string): string {
  const [, upstream = '', revision = ''] = /^(?:\d+:)?(.*?)(?:-([^-]*))?$/.exec(version) ?? [];
  const [base = '0'] = /^\d+(?:\.\d+)*/.exec(upstream) ?? [];
  const rest = upstream.slice(upstream.startsWith(base) ? base.length : 0);
  const release = /\d+/.exec(revision)?.[0] ?? '0';
  return `${base}${suffix(rest)}-r${release}`;
}

function suffix(rest: string): string {
  if (rest === '') return '';
  const [, letter] = /^([a-z])$/.exec(rest) ?? [];
  if (letter !== undefined) return letter;
  const number = /\d{1,8}/.exec(rest)?.[0] ?? '';
  return `${rest.startsWith('~') ? '_pre' : '_p'}${number}`;
}
