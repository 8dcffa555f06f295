/** What becomes of a guest when its host goes down and comes up. */
export interface GuestPolicy {
  /** Guests start in this order, and those of one number by name. */
  order: number;
  /** How it ends: it is asked to shut down, or its memory is saved and it goes on after the next boot. */
  stop: 'shutdown' | 'save';
}

/** Of a guest whose definition says nothing. */
const USUAL: GuestPolicy = { order: 1000, stop: 'shutdown' };

/** Names the metadata element below; the prefix is what `virsh metadata --key` was given, whatever that is. */
export const POLICY_NAMESPACE = 'urn:quantix:guest:1';

/**
 * Reads the policy in libvirt's definition of a domain: in `<metadata>` an element `guest` of {@link POLICY_NAMESPACE} with the
 * attributes `order` (0 to 99999) and `stop` (`shutdown` or `save`), as `virsh metadata` writes it. What is not so counts as
 * not said.
 */
export function parsePolicy(xml: string): GuestPolicy {
  const metadata = /<metadata>([\s\S]*?)<\/metadata>/.exec(xml)?.[1] ?? '';
  const elements = metadata.match(/<[\w.-]+:guest\s[^<>]*>/g) ?? [];
  const element = elements.find((one) => attribute(one, 'xmlns:[\\w.-]+') === POLICY_NAMESPACE);
  if (element === undefined) return USUAL;
  const order = attribute(element, 'order') ?? '';
  const stop = attribute(element, 'stop');
  return {
    order: /^\d{1,5}$/.test(order) ? Number(order) : USUAL.order,
    stop: stop === 'save' ? stop : USUAL.stop,
  };
}

function attribute(element: string, name: string): string | undefined {
  return new RegExp(`\\s${name}=(["'])(.*?)\\1`).exec(element)?.[2];
}
