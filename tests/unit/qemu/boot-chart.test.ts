import { expect, test } from 'vitest';
import { drawSvgChart, drawTextChart, parseBootChart } from '../../../build/qemu/boot-chart.ts';

const LOG = `GNU GRUB  version 2.12
[   13.515462] quantix: kernel 13.50\r
[   18.713267] quantix: medium 18.50\r
[   27.719858] quantix: root 27.50\r
   OpenRC 0.56 is starting up Linux 6.12.118+deb13-amd64 (x86_64)\r
[   31.000000] openrc: begin hwdrivers\r
[   31.500000] openrc: begin syslog\r
syslog          | * Starting syslog ...[   32.500000] openrc: end syslog\r
[   50.000000] openrc: begin rpc.statd
[   60.000000] openrc: end hwdrivers
[   70.200000] quantix: network 70.00
[   80.000000] quantix: ready 79.50
`;

test('a boot is parsed into its stages, and its services in the order in which they begin', () => {
  const bars = parseBootChart(LOG).map(({ kind, name, from, to, ended }) =>
    [kind, name, from, to, ended].join(' '),
  );
  expect(bars).toEqual([
    'stage kernel 0 13.5 true',
    'stage medium 13.5 18.5 true',
    'stage root 18.5 27.5 true',
    'stage network 27.5 70 true',
    'stage ready 27.5 79.5 true',
    'service hwdrivers 31 60 true',
    'service syslog 31.5 32.5 true',
    'service rpc.statd 50 79.5 false',
  ]);
});

test('the longest bar of the text chart is the longest part of the boot', () => {
  const chart = drawTextChart(parseBootChart(LOG));
  expect(chart.split('\n').slice(0, 2)).toEqual([
    '    from seconds',
    '    0.00   13.50  kernel     ==========',
  ]);
  const length = (name: string) => new RegExp(`${name} +([#=]+)`).exec(chart)?.[1]?.length ?? 0;
  expect(length('hwdrivers')).toBe(22);
  expect(length('syslog')).toBe(1);
  expect(chart).toMatch(/rpc\.statd +#+…\n$/);
});

test('the drawing has a bar for each part, within its frame, and escapes names', () => {
  const bars = parseBootChart(LOG);
  const svg = drawSvgChart(bars, 'a "b" <c> & d');
  expect(svg).toContain('>a &quot;b&quot; &lt;c&gt; &amp; d</text>');
  const [, width] = /<svg [^>]*width="(\d+)"/.exec(svg) ?? [];
  const drawn = [...svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g)];
  expect(drawn).toHaveLength(bars.length);
  for (const [, x, length] of drawn) {
    expect(Number(x) + Number(length)).toBeLessThan(Number(width));
  }
});

test.each([
  ['nothing', ''],
  ['an end without a beginning', '[    1.0] openrc: end syslog\n'],
  ['a name with markup', '[    1.0] openrc: begin <script>\n'],
  ['a name with control characters', '[    1.0] openrc: begin \u001b[2Jsyslog\n'],
  ['a long name', `[    1.0] openrc: begin ${'x'.repeat(65)}\n`],
  ['no seconds', '[    1.] openrc: begin syslog\n'],
  ['seconds without end', `[${'9'.repeat(400)}.0] openrc: begin syslog\n`],
  ['a milestone without end', `quantix: ready ${'9'.repeat(400)}.0\n`],
])('%s is not drawn as a bar', (_what, log) => {
  expect(parseBootChart(log)).toEqual([]);
  expect(drawTextChart([])).toBe('    from seconds\n');
});

test('of a service that starts twice the first start is drawn, and no service ends before it starts', () => {
  const log = ['1.0] openrc: begin a', '3.0] openrc: end a', '4.0] openrc: begin a'];
  const again = ['5.0] openrc: end a', '9.0] openrc: begin b', '8.0] openrc: end b'];
  const text = [...log, ...again].map((line) => `[    ${line}\n`).join('');
  expect(parseBootChart(text)).toMatchObject([
    { name: 'a', from: 1, to: 3, ended: true },
    { name: 'b', from: 9, to: 9, ended: false },
  ]);
});
