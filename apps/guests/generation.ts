/** Names the metadata element that says which generation of a specification a definition was made of. */
export const VM_NAMESPACE = 'urn:quantix:vm:1';

/** The generation in libvirt's XML of a definition; undefined if it was made of no specification. */
export function generationOf(xml: string): bigint | undefined {
  const metadata = /<metadata>([\s\S]*?)<\/metadata>/.exec(xml)?.[1] ?? '';
  for (const [tag] of metadata.matchAll(/<[\w.-]+:vm\s[^<>]*>/g)) {
    if (!/\sxmlns:[\w.-]+=(["'])urn:quantix:vm:1\1/.test(tag)) continue;
    const [, , digits] = /\sgeneration=(["'])(\d{1,19})\1/.exec(tag) ?? [];
    if (digits !== undefined) return BigInt(digits);
  }
  return undefined;
}
