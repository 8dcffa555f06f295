import { hindrance } from './hindrance.ts';

/** Prints once, before the tests, why they are skipped, if they are. */
export default function announce(): void {
  if (hindrance !== '') console.warn(`tests/net is skipped: no network namespaces (${hindrance})`);
}
