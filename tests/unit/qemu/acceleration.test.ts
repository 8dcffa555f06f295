import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { findAcceleration } from '../../../build/qemu/acceleration.ts';
import { temporaryFolder } from '../folder.ts';

afterEach(() => vi.unstubAllEnvs());

test.each(['kvm', 'tcg'] as const)('an explicit %s is used without a probe', async (wish) => {
  vi.stubEnv('QUANTIX_QEMU_ACCEL', wish);
  const memory = join(await temporaryFolder(), 'answer.json');
  expect(await findAcceleration('/nonexistent/vmlinuz', 'x86_64', memory)).toBe(wish);
  expect(existsSync(memory)).toBe(false);
});

test.each(['KVM', 'hvf', '1'])('%j is refused with the valid values', async (wish) => {
  vi.stubEnv('QUANTIX_QEMU_ACCEL', wish);
  const asked = findAcceleration('/nonexistent/vmlinuz', 'x86_64', '/nonexistent/answer');
  await expect(asked).rejects.toThrow(`QUANTIX_QEMU_ACCEL is "${wish}". Set it to kvm or tcg.`);
});

test('a guest for another CPU is emulated without a probe of KVM', async () => {
  const foreign = process.arch === 'arm64' ? 'x86_64' : 'arm64';
  vi.stubEnv('QUANTIX_QEMU_ACCEL', '');
  const memory = join(await temporaryFolder(), 'answer.json');
  expect(await findAcceleration('/nonexistent/vmlinuz', foreign, memory)).toBe('tcg');
  expect(existsSync(memory)).toBe(false);
});
