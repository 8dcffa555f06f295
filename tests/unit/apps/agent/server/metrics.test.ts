import { expect, test } from 'vitest';
import { formatExposition } from '../../../../../apps/http/exposition.ts';
import { servingAgent } from './agent.ts';
import { smallParts, world } from './small-parts.ts';

test('metrics have help, type and escaped labels, as Prometheus reads them', () => {
  const text = formatExposition([
    {
      name: 'a_total',
      help: 'Back\\slash,\nline.',
      type: 'counter',
      samples: [{ value: 1.5 }, { labels: { name: 'q"u\\o\nt', id: '1' }, value: -1e21 }],
    },
    { name: 'b', help: '', type: 'gauge', samples: [] },
    {
      name: 'c',
      help: 'Odd.',
      type: 'gauge',
      samples: [{ value: Number.NaN }, { value: Infinity }, { value: -Infinity }],
    },
    {
      name: 'd',
      help: '',
      type: 'histogram',
      samples: [
        { suffix: '_bucket', labels: { le: '+Inf' }, value: 2 },
        { suffix: '_count', value: 2 },
      ],
    },
  ]);
  expect(text).toBe(`# HELP a_total Back\\\\slash,\\nline.
# TYPE a_total counter
a_total 1.5
a_total{name="q\\"u\\\\o\\nt",id="1"} -1e+21
# HELP c Odd.
# TYPE c gauge
c NaN
c +Inf
c -Inf
# HELP d 
# TYPE d histogram
d_bucket{le="+Inf"} 2
d_count 2
`);
});

test('the agent serves metrics of host, VMs and pools', async () => {
  const { send } = await servingAgent(smallParts(world()));
  const { headers, text } = await send('GET /metrics');
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  const lines = text.split('\n');
  expect(lines).toContain('quantix_memory_total_bytes 68719476736');
  expect(lines).toContain('quantix_vms{state="running"} 1');
  expect(lines).toContain('quantix_libvirt_up 1');
  expect(lines).toContain(
    'quantix_storage_pool_used_bytes{id="uuid:1",name="data",kind="filesystem"} 26843545600',
  );
  const names = lines.flatMap((line) => /^# TYPE (\S+) /.exec(line)?.[1] ?? []);
  expect(new Set(names).size).toBe(names.length);
  for (const line of lines.slice(0, -1)) {
    expect(line).toMatch(/^(# (HELP|TYPE) .+|[a-z_0-9]+(\{.*\})? [-+0-9.e]+)$/);
  }
});

test('without libvirt no count of VMs is reported, not even 0', async () => {
  const around = world();
  around.libvirt = { available: false, problem: 'gone' };
  around.vms = [];
  const { send } = await servingAgent(smallParts(around));
  const { text } = await send('GET /metrics');
  expect(text).toContain('quantix_libvirt_up 0');
  expect(text).not.toContain('quantix_vms');
});
