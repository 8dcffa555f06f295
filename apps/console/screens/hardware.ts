import type { Hardware, Sensor, Wear } from '../../api/hardware.ts';
import { formatBytes } from '../../text/amount.ts';
import { type Line, line, type Size } from '../kit/frame.ts';
import { getLetter, type Key } from '../kit/keys.ts';
import { computeScrollStep } from '../kit/scroll.ts';
import { wrap } from '../kit/text.ts';
import type { Row } from '../report/row.ts';
import { createRows } from '../report/row.ts';
import type { Screen, State, Step } from '../state.ts';
import { show, stay } from '../steps.ts';
import { type Body, createBody, explainMissing, formatRows } from './body.ts';
import { countBodyRows } from './room.ts';

/** Width of the labels, in cells. */
const LABELS = 10;

/** Screen with the machine's hardware, scrolled to the top. */
export const HARDWARE = hardwareScreen(0);

function hardwareScreen(top: number): Screen {
  return {
    facts: ['hardware'],
    takesText: false,
    view: (state, room) => viewHardware(state, top, room),
    onKey: (state, key) => onHardwareKey(state, top, key),
  };
}

function onHardwareKey(state: State, top: number, key: Key): Step {
  const last = Math.max(
    hardwareLines(state, state.size.columns).length - countBodyRows(state.size),
    0,
  );
  const vi: Record<string, number> = { k: -1, j: 1 };
  const step =
    computeScrollStep(key, { page: countBodyRows(state.size), last }) ?? vi[getLetter(key)];
  if (step === undefined) return stay(state);
  return show(state, hardwareScreen(Math.min(Math.max(top + step, 0), last)));
}

function viewHardware(state: State, wanted: number, room: Size): Body {
  const lines = hardwareLines(state, room.columns);
  const top = Math.min(wanted, Math.max(lines.length - room.rows, 0));
  const keys = lines.length > room.rows ? 'Up/Down Scroll   Esc Back' : 'Esc Back';
  return createBody('Hardware', keys, lines.slice(top, top + room.rows));
}

function hardwareLines({ facts }: State, columns: number): Line[] {
  const { value, problem } = facts.hardware;
  if (value === null) {
    const text = explainMissing('Disks are being asked', problem);
    return wrap(text, columns).map(line);
  }
  return formatRows(hardwareRows(value), columns, LABELS);
}

function hardwareRows(hardware: Hardware): Row[] {
  const { vendor, model, serial, uuid, board, firmware, disks, nics, sensors } = hardware;
  const { vendor: by, version, date } = firmware;
  return [
    ...createRows('Machine', [known([vendor, model])]),
    ...createRows('Serial', [known([serial])]),
    ...createRows('UUID', [known([uuid])]),
    ...createRows('Board', [known([board])]),
    ...createRows('Firmware', [known([by, version, date])]),
    ...createRows(
      'Disks',
      orNone(
        disks.map(({ path, size, kind, model: of, serial: number, wear }) =>
          [
            `${path}  ${formatBytes(size)} ${kind}`,
            ` ${known([of])}, serial ${known([number])}; ${wearText(wear)}`,
          ].join(' '),
        ),
      ),
    ),
    ...createRows(
      'Network',
      orNone(
        nics.map(({ name, mac, driver, speed }) => {
          const rate = speed === null ? 'no speed' : `${speed} Mbit/s`;
          return `${name}  ${mac}, ${known([driver])}, ${rate}`;
        }),
      ),
    ),
    ...createRows('Sensors', orNone(sensors.map(sensorText))),
  ];
}

const orNone = (texts: readonly string[]) => (texts.length === 0 ? ['none'] : texts);

/** Joins the known values. */
function known(texts: readonly (string | null)[]): string {
  return texts.filter((text) => text !== null).join(' ') || 'not known';
}

function wearText({ health, temperature, hours, used, problem }: Wear): string {
  const judged = {
    passed: 'SMART passed',
    failing: 'SMART: FAILING',
    unknown: `SMART not known: ${problem ?? 'the disk does not say'}`,
  };
  return [
    judged[health],
    ...(temperature === null ? [] : [`${temperature} C`]),
    ...(hours === null ? [] : [`${hours} h`]),
    ...(used === null ? [] : [`${used} % used`]),
  ].join(', ');
}

const UNITS: Record<Sensor['unit'], string> = {
  ...{ celsius: 'C', rpm: 'rpm', volt: 'V', ampere: 'A', watt: 'W' },
};

function sensorText({ chip, label, unit, value, alarm }: Sensor): string {
  const amount = unit === 'rpm' ? Math.round(value) : Number(value.toFixed(2));
  return `${chip} ${label}  ${amount} ${UNITS[unit]}${alarm ? '  ALARM' : ''}`;
}
