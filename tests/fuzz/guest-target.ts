import { parsePolicy } from '../../apps/guests/policy.ts';
import { withAccount } from '../../apps/libvirt/account.ts';
import { mutate } from './mutate.ts';
import type { Target } from './target.ts';

const DEFINITION = Buffer.from(
  '<domain><name>web</name><metadata><q:guest xmlns:q="urn:quantix:guest:1" order="7" stop="save"/></metadata>' +
    "<seclabel type='static' model='dac'><label>+7:+7</label></seclabel></domain>",
);

/** Definitions of guests: whatever they contain, the policy is a known one, and each user appears once. */
export const guest: Target = {
  name: 'guest',
  once(random) {
    const text = mutate(DEFINITION, random).toString('utf8');
    const { order, stop } = parsePolicy(text);
    if (!Number.isInteger(order) || order < 0 || order > 99_999) throw new Error(`order ${order}`);
    if (stop !== 'save' && stop !== 'shutdown') throw new Error(`stop ${stop}`);
    const labelled = withAccount(text, 268_435_456);
    if (labelled !== undefined && withAccount(labelled, 268_435_456) !== undefined) {
      throw new Error('a definition was given a user twice');
    }
  },
};
