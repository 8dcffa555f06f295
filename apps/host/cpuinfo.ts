/** What /proc/cpuinfo says of the processors. */
export interface CpuInfo {
  model: string | null;
  /** MHz at the moment, the fastest processor's. */
  frequency: number | null;
  threads: number;
  /** True if the processor has VT-x (`vmx`) or AMD-V (`svm`). */
  canVirtualize: boolean;
}

/** Parses /proc/cpuinfo of x86, whose blocks of `key : value` are one per thread (arch/x86/kernel/cpu/proc.c). */
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
