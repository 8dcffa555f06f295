import { BuildError } from '../../../error.ts';
import { isChildError } from '../../../process/run.ts';

/** Messages that apt wrote before it failed. */
interface Words {
  stdout: string;
  /** Its errors and warnings, without `E:` and `W:`. */
  complaints: string[];
}

/** Maximum number of characters of apt's explanation that are shown. */
const EXPLANATION = 400;

/** apt's reason for not getting an index → its meaning and a fix; the first match is used. */
const CAUSES: readonly {
  pattern: RegExp;
  what: string | ((now: Date) => string);
  fix: string;
}[] = [
  {
    pattern: /\b407\b/,
    what: 'the proxy requires authentication (407)',
    fix: 'Write it into the proxy’s address: http_proxy=http://NAME:PASSWORD@HOST:PORT.',
  },
  {
    pattern: /\b401\b/,
    what: 'the mirror requires authentication (401)',
    fix: 'Write it into /etc/apt/auth.conf; apt_auth.conf(5) says how.',
  },
  {
    pattern: /NOSPLIT|Clearsigned file isn't valid|does the network require authentication/,
    what: 'the answer is not a package index',
    fix: 'A network with a log-in page answers like this: log in with a browser. Otherwise check the address.',
  },
  {
    pattern: /EXPKEYSIG|KEYEXPIRED|\bexpired\b/i,
    what: (now) =>
      `the key that signed it has expired, if this machine’s clock is right (${now.toISOString().slice(0, 10)})`,
    fix: 'Set the clock, or install a newer debian-archive-keyring.',
  },
  {
    pattern: /NO_PUBKEY|[Mm]issing key|is not signed|no longer signed|BADSIG|REVKEYSIG/,
    what: 'it is not signed with one of Debian’s keys',
    fix: 'Name a mirror of Debian: MIRROR=…',
  },
];

/**
 * Explains why apt could not fetch indexes: by a known cause among its messages, else by the first message, because the
 * later ones are only consequences of it.
 * @param now the host's time, which apt compares with dates
 */
export function explainUpdate(error: BuildError, now: Date): BuildError {
  const { complaints } = wordsOf(error);
  const [first] = complaints;
  if (first === undefined) return error;
  const address = /\b(?:https?|file):\S+/.exec(complaints.join(' '))?.[0].replace(/[:,]$/, '');
  const cause = CAUSES.find(({ pattern }) => complaints.some((line) => pattern.test(line)));
  const what = typeof cause?.what === 'function' ? cause.what(now) : cause?.what;
  return new BuildError({
    what: `the package indexes cannot be fetched: ${what ?? shorten(first)}`,
    where: address,
    fix: cause?.fix ?? 'Check the network, or name a mirror: MIRROR=…',
    cause: error,
  });
}

/** Explains why apt could not choose packages: names the dependencies that apt reports as unmet. */
export function explainChoice(error: BuildError, where: string): BuildError {
  const { stdout, complaints } = wordsOf(error);
  const [, listed = ''] = /unmet dependencies:\n((?: .*(?:\n|$))+)/.exec(stdout) ?? [];
  const unmet = listed.trim().replace(/\s*\n\s*(?=\S+ : )/g, '; ');
  const why = unmet === '' ? complaints.join(' ') || error.what : unmet;
  return new BuildError({
    what: `the packages cannot be installed together: ${shorten(why)}`,
    where,
    fix: 'Leave one of them out, or look at `without` in the profile.',
    cause: error,
  });
}

function wordsOf({ cause }: BuildError): Words {
  if (!isChildError(cause)) return { stdout: '', complaints: [] };
  const text = (output: unknown) => (typeof output === 'string' ? output : '');
  const lines = text(cause.stderr).split('\n');
  const complaints = lines.flatMap((line) => /^[EW]: (.*)$/.exec(line)?.[1] ?? []);
  return { stdout: text(cause.stdout), complaints };
}

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length > EXPLANATION ? `${line.slice(0, EXPLANATION)}…` : line;
}
