/** Facts from /proc/cpuinfo. */
export interface CpuInfo {
  model: string | null;
  /** Current frequency of the fastest processor in MHz. */
  frequency: number | null;
  threads: number;
  /** True if the processor has VT-x (`vmx`) or AMD-V (`svm`). */
  canVirtualize: boolean;
}

/**
 * Parses the features of the processors, in the kernel's names (`flags` of x86, `Features` of ARM), sorted. Only
 * features that all processors have are returned, since a guest runs on any of them.
 */
export function parseCpuFeatures(text: string): string[] {
  const lists = [...text.matchAll(/^(?:flags|Features)\s*: (.*)$/gm)].map(([, list = '']) => list);
  const [first = new Set<string>(), ...others] = [...new Set(lists)].map(
    (list) => new Set(list.match(/[a-z0-9_]{1,32}/g)),
  );
  return [...others.reduce((common, one) => common.intersection(one), first)].sort();
}

/** Parses /proc/cpuinfo of x86, which has a block of `key : value` lines per thread (arch/x86/kernel/cpu/proc.c). */
export function parseCpuInfo(text: string): CpuInfo {
  const values = (key: string) =>
    [...text.matchAll(new RegExp(`^${key}\\s*: (.*)$`, 'gm'))].map(([, value = '']) => value);
  const frequencies = values('cpu MHz').map(Number).filter(Number.isFinite);
  const flags = new Set(values('flags')[0]?.split(' '));
  return {
    model: values('model name')[0]?.replaceAll(/\s+/g, ' ').trim() || null,
    frequency: frequencies.length === 0 ? null : Math.round(Math.max(...frequencies)),
    threads: values('processor').length,
    canVirtualize: flags.has('vmx') || flags.has('svm'),
  };
}
