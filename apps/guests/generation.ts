/** Namespace of the metadata element that contains the generation of the VM's specification. */
export const VM_NAMESPACE = 'urn:quantix:vm:1';

/** Parses the generation in a definition (libvirt's XML); undefined if it was not made from a specification. */
export function readGeneration(xml: string): bigint | undefined {
  const metadata = /<metadata>([\s\S]*?)<\/metadata>/.exec(xml)?.[1] ?? '';
  for (const [tag] of metadata.matchAll(/<[\w.-]+:vm\s[^<>]*>/g)) {
    if (!/\sxmlns:[\w.-]+=(["'])urn:quantix:vm:1\1/.test(tag)) continue;
    const [, , digits] = /\sgeneration=(["'])(\d{1,19})\1/.exec(tag) ?? [];
    if (digits !== undefined) return BigInt(digits);
  }
  return undefined;
}
