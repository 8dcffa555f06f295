import { parsePublicKey } from '../../services/public-key.ts';
import { runWork } from '../dialogs.ts';
import { createTextField } from '../kit/field.ts';
import type { Screen } from '../state.ts';
import { enter, stay } from '../steps.ts';
import { createFormScreen } from './form.ts';
import { addKeys, createFoundKeysScreen } from './found-keys.ts';

/** Length of an RSA key of 16,384 bits with options and comment, in characters. */
const LONGEST_KEY = 4_096;
const LONGEST_URL = 1_000;

/** Milliseconds that fetching keys may take. */
const FETCH_LIMIT = 60_000;

/** Creates the form for a key that is typed, or pasted into the terminal. */
export function createKeyFormScreen(): Screen {
  return createFormScreen<'key'>(
    {
      title: 'SSH: add a key',
      purpose: [
        'One line of authorized_keys, or of a .pub file. Over a serial line or the console of a BMC it can be pasted.',
      ],
      fields: [
        createTextField<'key'>({
          name: 'key',
          label: 'Key',
          hint: 'ssh-ed25519 AAAA... comment',
          longest: LONGEST_KEY,
          problem: ({ key }) =>
            parsePublicKey(key) === null ? 'Not a public key, or not the whole of it.' : null,
        }),
      ],
      send: (state, { key }) => {
        const parsed = parsePublicKey(key);
        return parsed === null ? stay(state) : addKeys(state, [parsed]);
      },
    },
    { key: '' },
  );
}

/** Creates the form for keys on a web server: the server is not trusted, their hash is checked. */
export function createKeyUrlScreen(): Screen {
  return createFormScreen<'url' | 'sha256'>(
    {
      title: 'SSH: keys from a URL',
      purpose: ['The keys are accepted only if the file has this SHA-256. sha256sum computes it.'],
      fields: [
        createTextField<'url' | 'sha256'>({
          name: 'url',
          label: 'URL',
          hint: 'https://... or http://...',
          longest: LONGEST_URL,
          problem: ({ url }) =>
            isUrl(url) ? null : 'https://... or http://..., without a password.',
        }),
        createTextField<'url' | 'sha256'>({
          name: 'sha256',
          label: 'SHA-256',
          hint: '64 hexadecimal digits',
          problem: ({ sha256 }) =>
            /^[0-9a-fA-F]{64}$/.test(sha256) ? null : '64 hexadecimal digits.',
        }),
      ],
      send: (state, { url, sha256 }) =>
        runWork(state, {
          title: `Fetching ${url}`,
          limit: FETCH_LIMIT,
          facts: [],
          run: async (deps, signal) => {
            const keys = await deps.fetchKeys({ url, sha256 }, signal);
            return (now) => enter(now, createFoundKeysScreen(url, keys));
          },
        }),
    },
    { url: '', sha256: '' },
  );
}

function isUrl(text: string): boolean {
  if (!/^https?:\/\/[!-~]+$/.test(text) || !URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username === '' && password === '';
}
