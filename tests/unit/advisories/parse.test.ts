import { expect, test } from 'vitest';
import { parseDatabase } from '../../../build/advisories/parse.ts';
import { parseReviews } from '../../../build/advisories/reviews.ts';
import { SECDB, TRACKER } from './databases.ts';

test.each([
  ['no JSON', '<html>404</html>', 'it is not JSON'],
  ['a list', '[]', 'not an advisory database of Alpine or Debian'],
  ['null', 'null', 'not an advisory database of Alpine or Debian'],
  ['an empty object', '{}', 'it names no vulnerability'],
  [
    'a database without packages',
    JSON.stringify({ ...SECDB, packages: [] }),
    'it names no vulnerability',
  ],
  ['one that was cut off', JSON.stringify(TRACKER).slice(0, -20), 'it is not JSON'],
  ['invalid packages', JSON.stringify({ ...SECDB, packages: [{}] }), 'packages.0.pkg'],
  ['an unknown state', JSON.stringify(TRACKER).replace('"open"', '"maybe"'), '.status: '],
  [
    'a name with an escape',
    JSON.stringify({ '\u001b[2J': TRACKER.openssl }),
    'not an advisory database',
  ],
])('%s is refused with the reason', (_, text, message) => {
  expect(() => parseDatabase(text, 'data.json')).toThrow(message);
  expect(() => parseDatabase(text, 'data.json')).toThrow('(data.json)');
});

test('names of JavaScript’s object properties are ordinary package names', () => {
  const text = JSON.stringify({ openssl: TRACKER.openssl });
  const database = parseDatabase(text, 'data.json');
  for (const name of ['constructor', '__proto__', 'toString']) {
    expect(database.find('trixie', name)).toEqual([]);
    expect(database.find(name, 'openssl')).toEqual([]);
  }
});

const REVIEW = `- id: CVE-2026-1001
  package: openssl
  state: not_affected
  justification: code_not_reachable
  reason: No program speaks DTLS.
  date: 2026-11-01
  reviewer: A. Reviewer
`;

test('a file of reviews that contains none is read as empty', () => {
  expect(parseReviews('# nothing yet\n', 'x.vex.yaml')).toEqual([]);
});

test.each([
  ['an unknown key', REVIEW.replace('reviewer', 'reviwer'), 'reviwer: is unknown', 7, 3],
  ['an invalid state', REVIEW.replace('not_affected', 'fine'), 'state: ', 3, 3],
  ['an invalid day', REVIEW.replace('2026-11-01', '2026-13-01'), 'date: must be a day', 6, 3],
  [
    'no justification',
    REVIEW.replace(/ {2}justification.*\n/, ''),
    ...(['justification: is missing', 1, 3] as const),
  ],
  [
    'a justification for a state that has none',
    REVIEW.replace('not_affected', 'exploitable'),
    ...(['justification: is for not_affected only', 4, 3] as const),
  ],
  [
    'a reason that says nothing',
    REVIEW.replace(/No program.*/, 'ok'),
    'reason: must say why',
    5,
    3,
  ],
  [
    'an end before the beginning',
    `${REVIEW}  expires: 2026-11-01\n`,
    'expires: must be later',
    8,
    3,
  ],
  ['the same twice', REVIEW + REVIEW, 'CVE-2026-1001 in openssl is reviewed twice', 8, 3],
  ['no YAML', `${REVIEW}  "`, 'closing "quote', 8, 4],
  ['no list', 'id: CVE-2026-1001\n', 'a review: ', 1, 1],
  [
    'an escape',
    REVIEW.replace('No program', '"\\e[2J No program').replace('DTLS.', 'DTLS."'),
    'reason: ',
    5,
    3,
  ],
])(
  'a file of reviews with %s is refused, and the error names line and column',
  (_, text, message, line, column) => {
    const parse = () => parseReviews(text, 'x.vex.yaml');
    expect(parse).toThrow(message);
    expect(parse).toThrow(`(x.vex.yaml, line ${line}, column ${column})`);
  },
);

test('YAML aliases that expand exponentially are refused', () => {
  const text = `- &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefgh'].map((name, index) => `- &${name} [${'abcdefg'.charAt(index)},${'abcdefg'.charAt(index)}]`.replace(/\[(\w),(\w)\]/, '[*$1,*$2,*$1,*$2,*$1,*$2]')).join('\n')}\n`;
  expect(() => parseReviews(text, 'x.vex.yaml')).toThrow('x.vex.yaml');
});
