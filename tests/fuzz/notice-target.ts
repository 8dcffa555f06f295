import { parseNotice } from '../../apps/control-plane/health/notice.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const NOTICE = Buffer.from(
  'etcd did not become ready: it was set aside as /var/lib/etcd/damaged – ü\n',
);

/** Notices of services: whatever they contain, the result is one line of text that a database accepts. */
export const notice: Target = {
  name: 'notice',
  once(random) {
    const told = parseNotice(mutate(NOTICE, random));
    if (told === '' || told.length > 4096 || /[\p{C}\n]/u.test(told)) {
      throw new Error(`${JSON.stringify(told)} cannot be shown`);
    }
  },
};
