import { describeProblem, problemSchema, read } from '../../apps/control-plane/acme/account.ts';
import { authorizationSchema, orderSchema } from '../../apps/control-plane/acme/obtain.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const url = 'https://ca.example/';
const problem = {
  ...{ type: 'urn:ietf:params:acme:error:dns', detail: 'no such\tname \u001b[1m' },
  subproblems: [{ detail: 'nothing', identifier: { type: 'dns', value: 'qvdc.example' } }],
};
const order = {
  ...{ status: 'invalid', finalize: `${url}1`, certificate: `${url}2`, error: problem },
  authorizations: [`${url}3`, `${url}4`],
};
const authorization = {
  ...{ status: 'pending', identifier: { type: 'dns', value: 'qvdc.example' } },
  challenges: [{ type: 'tls-alpn-01', url: `${url}5`, token: 'dG9rZW4', error: problem }],
};

/** Answers of a certificate authority: the reason in an answer is safe on a terminal. */
export const acme: Target = {
  name: 'acme',
  once(random) {
    const choice = random.below(3);
    const value = [order, authorization, problem][choice];
    const text = mutate(Buffer.from(JSON.stringify(value)), random).toString('utf8');
    const answer = { status: 200, headers: {}, text };
    const problems =
      choice === 0
        ? [read(answer, url, orderSchema).error]
        : choice === 1
          ? read(answer, url, authorizationSchema).challenges.map(({ error }) => error)
          : [read(answer, url, problemSchema)];
    for (const one of problems) {
      const words = one === undefined ? '' : describeProblem(one);
      if (/[\p{Cc}\u2028\u2029]/u.test(words) || words.length > 301) throw new Error(words);
    }
  },
};
