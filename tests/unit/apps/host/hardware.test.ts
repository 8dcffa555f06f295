import { expect, test } from 'vitest';
import { cleanFirmwareText, readFirmware } from '../../../../apps/host/firmware.ts';
import { readSensors } from '../../../../apps/host/sensors.ts';
import { parseSmart } from '../../../../apps/host/smart.ts';
import { inside, makeRootFolder } from './root-folder.ts';

test('a machine is described by its firmware, without placeholder texts', async () => {
  const root = await makeRootFolder(
    inside('sys/class/dmi/id', {
      sys_vendor: 'Dell Inc.\n',
      product_name: 'PowerEdge R650\n',
      product_serial: 'To Be Filled By O.E.M.\n',
      product_uuid: '4C4C4544-0032-4410-8051-B7C04F463333\n',
      board_vendor: 'Dell Inc.\n',
      board_name: 'Default string\n',
      bios_vendor: 'Dell\x1b[2J Inc.\n',
      bios_version: '1.9.2\n',
      bios_date: '11/17/2022\n',
    }),
  );
  expect(await readFirmware(root)).toEqual({
    vendor: 'Dell Inc.',
    model: 'PowerEdge R650',
    serial: null,
    uuid: '4c4c4544-0032-4410-8051-b7c04f463333',
    board: 'Dell Inc.',
    firmware: { vendor: 'Dell?[2J Inc.', version: '1.9.2', date: '11/17/2022' },
  });
});

test('a machine without SMBIOS is described by its device tree, and one without both has no description', async () => {
  const root = await makeRootFolder(
    inside('proc/device-tree', { model: 'ARM Board\0', 'serial-number': '1000000abc\0' }),
  );
  expect(await readFirmware(root)).toMatchObject({ model: 'ARM Board', serial: '1000000abc' });
  const nothing = { vendor: null, model: null, serial: null, uuid: null, board: null };
  expect(await readFirmware(await makeRootFolder({}))).toMatchObject(nothing);
});

test.each([
  '',
  '0',
  '00000000',
  'Not Specified',
  'None',
  'xxxxxxx',
  '........',
  '0123456789ABCDEF',
])('%j is not a serial number', (text) => {
  expect(cleanFirmwareText(text)).toBeNull();
});

test('sensors are shown with units, in the order of their numbers', async () => {
  const root = await makeRootFolder({
    ...inside('sys/class/hwmon/hwmon10', { name: 'acpi\n', power1_average: '95000000\n' }),
    ...inside('sys/class/hwmon/hwmon2', {
      name: 'core\x1btemp\n',
      temp1_input: '41000\n',
      temp1_label: 'Package id 0\n',
      temp1_alarm: '1\n',
      temp10_input: '-5000\n',
      temp2_input: '40500\n',
      temp3_input: 'no number\n',
      in0_input: '1152\n',
      fan1_input: '0\n',
      fan1_alarm: '0\n',
      constructor1_input: '1\n',
      uevent: '',
    }),
  });
  expect(await readSensors(root)).toEqual([
    { chip: 'core?temp', label: 'fan1', unit: 'rpm', value: 0, alarm: false },
    { chip: 'core?temp', label: 'in0', unit: 'volt', value: 1.152, alarm: null },
    { chip: 'core?temp', label: 'Package id 0', unit: 'celsius', value: 41, alarm: true },
    { chip: 'core?temp', label: 'temp2', unit: 'celsius', value: 40.5, alarm: null },
    { chip: 'core?temp', label: 'temp10', unit: 'celsius', value: -5, alarm: null },
    { chip: 'acpi', label: 'power1', unit: 'watt', value: 95, alarm: null },
  ]);
  expect(await readSensors(await makeRootFolder({}))).toEqual([]);
});

test.each([
  [
    {
      smart_status: { passed: true },
      temperature: { current: 31 },
      power_on_time: { hours: 9000 },
    },
    { health: 'passed', temperature: 31, hours: 9000, used: null, problem: null },
  ],
  [
    {
      smart_status: { passed: false },
      nvme_smart_health_information_log: { percentage_used: 103 },
    },
    { health: 'failing', temperature: null, hours: null, used: 103, problem: null },
  ],
  [
    { smartctl: { messages: [{ string: 'Unable to detect device type\x1b' }] } },
    {
      health: 'unknown',
      temperature: null,
      hours: null,
      used: null,
      problem: 'Unable to detect device type?',
    },
  ],
  [
    { smart_status: { passed: 'yes' }, temperature: 3 },
    { health: 'unknown', temperature: null },
  ],
  [[], { health: 'unknown', problem: 'smartctl did not report in JSON' }],
])('the SMART report %j is summarized', (report, told) => {
  expect(parseSmart(JSON.stringify(report))).toMatchObject(told);
});

test('an invalid SMART report means unknown health', () => {
  for (const text of ['', '{', 'null', '"x"']) {
    expect(parseSmart(text)).toMatchObject({ health: 'unknown', problem: expect.any(String) });
  }
});
