import { BuildError } from '../../../error.ts';
import { compareVersions, isValidVersion } from './compare.ts';
import { matchesVersion, parseOperator } from './operator.ts';

/**
 * Answers a question about versions: `cmp A B` with `<`, `=` or `>`; `match A OP B` and `valid V` with `true` or
 * `false`. A version may be empty: `valid ` asks about the empty text.
 * @throws BuildError if it is none of these
 */
export function answerQuestion(question: string): string {
  const [verb, ...words] = question.split(' ');
  const [a = '', b = '', c = ''] = words;
  if (verb === 'cmp' && words.length === 2) return relation(a, b);
  if (verb === 'match' && words.length === 3) return String(matches(a, b, c));
  if (verb === 'valid' && words.length <= 1) return String(isValidVersion(a));
  throw new BuildError({
    what: `not a question: ${JSON.stringify(question)}`,
    fix: 'Write cmp A B, match A OP B or valid V.',
  });
}

function relation(a: string, b: string): string {
  const order = compareVersions(a, b);
  return order < 0 ? '<' : order > 0 ? '>' : '=';
}

/** Whether a version matches; `!` before the operator negates it. */
function matches(version: string, sign: string, wanted: string): boolean {
  const inverted = sign.startsWith('!');
  const operator = parseOperator(inverted ? sign.slice(1) : sign);
  if (operator === undefined) {
    throw new BuildError({
      what: `${JSON.stringify(sign)} is not an operator`,
      fix: 'There are = < > <= >= ~ <~ >~ and ><.',
    });
  }
  return matchesVersion(version, operator, wanted) !== inverted;
}
