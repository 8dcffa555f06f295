import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { parseNodeConfig } from '../../../../../apps/agent/configuration/node-config.ts';
import { METRICS_NAME } from '../../../../../apps/agent/server/metrics-certificate.ts';
import { PROJECT } from '../../../profile/profiles.ts';

const text = readFileSync(join(PROJECT, 'docs/agent.md'), 'utf8');
const [[, configuration = ''] = [], [, scrape = ''] = []] =
  text.matchAll(/```yaml\n([\s\S]*?)```/g);

test('the configuration of docs/agent.md is a valid node.yaml', async () => {
  const yaml = configuration
    .replace('qxj1.…', `qxj1.${'x'.repeat(32)}.${'0'.repeat(64)}`)
    .replace('token: …', `token: ${'f'.repeat(64)}`);
  const config = await parseNodeConfig(yaml, { file: 'x', pools: z.array(z.unknown()) });
  expect(config).toMatchObject({
    controlPlane: 'https://qvdc.example:9443',
    guests: { stopWithin: 120, startWhatRan: false },
    metrics: { port: 9633 },
  });
});

test('the Prometheus target in docs/agent.md has the host’s certificate name and port', () => {
  expect(scrape).toContain(`server_name: ${METRICS_NAME}`);
  expect(scrape).toContain(':9633');
});

test.each([
  ['port: 80', /port/],
  ['port: 9633.5', /port/],
  ['port: "9633"', /port/],
  ['port: 70000', /port/],
  ['token: short', /token/],
  [`token: ${'a'.repeat(31)}`, /token/],
  [`token: "${'a'.repeat(40)} b"`, /token/],
  [`token: "${'a'.repeat(40)}\\n"`, /token/],
  [`token: ${'a'.repeat(300)}`, /token/],
  ['open: true', /open/],
])('metrics with %s are refused with the name of the wrong key', async (line, message) => {
  const key = line.split(':')[0] ?? '';
  const rest = { port: 'port: 9633', token: `token: ${'a'.repeat(32)}` };
  const lines = Object.entries(rest).filter(([name]) => name !== key);
  const yaml = ['metrics:', ...[line, ...lines.map(([, one]) => one)].map((one) => `  ${one}`)];
  const parsed = parseNodeConfig(yaml.join('\n'), { file: 'x', pools: z.array(z.unknown()) });
  await expect(parsed).rejects.toThrow(message);
  if (key === 'token') await expect(parsed).rejects.not.toThrow(/aaaa/);
});
