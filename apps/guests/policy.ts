/** How a guest stops with its host and starts again. */
export interface GuestPolicy {
  /** Guests start in this order; guests with the same number start by name. */
  order: number;
  /** How it stops: it is asked to shut down, or its memory is saved and it resumes after the next boot. */
  stop: 'shutdown' | 'save';
}

/** Policy of a guest whose definition has none. */
const USUAL: GuestPolicy = { order: 1000, stop: 'shutdown' };

/** Namespace of the metadata element; its prefix is the value of `--key` of `virsh metadata`. */
export const POLICY_NAMESPACE = 'urn:quantix:guest:1';

/**
 * Reads the policy in libvirt's definition of a domain: an element `guest` of {@link POLICY_NAMESPACE} in `<metadata>`
 * with the attributes `order` (0 to 99999) and `stop` (`shutdown` or `save`), as `virsh metadata` writes it. An
 * attribute with another value counts as absent.
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
