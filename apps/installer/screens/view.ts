import { drawForm } from '../../console/kit/form-view.ts';
import { type Frame, type Line, line, reverse, type Size } from '../../console/kit/frame.ts';
import { drawList } from '../../console/kit/list.ts';
import { fitColumn, wrap } from '../../console/kit/text.ts';
import { describeContents, describeDisk, describeProgress, planText } from '../describe.ts';
import { createSerialFields, type State, type View } from './state.ts';

/** Rows besides the body: title, two empty ones, keys. */
const FRAME_ROWS = 4;

/** Draws the installer. */
export function drawInstaller({ size, view: shown }: State, product: string): Frame {
  const room = { columns: size.columns, rows: size.rows - FRAME_ROWS };
  const { lines, keys, cursor = null } = bodyOf(shown, room);
  const filled = Array.from({ length: room.rows }, (_, index) => lines[index] ?? line(''));
  return {
    lines: [
      reverse(fitColumn(` ${product} - Installation`, size.columns)),
      line(''),
      ...filled,
      line(''),
      reverse(fitColumn(` ${keys}`, size.columns - 1)),
    ],
    cursor: cursor && { ...cursor, row: cursor.row + 2 },
  };
}

interface Body {
  lines: readonly Line[];
  keys: string;
  cursor?: Frame['cursor'];
}

function bodyOf(shown: View, room: Size): Body {
  switch (shown.at) {
    case 'looking':
      return { lines: text('Looking at the disks of this machine ...', room), keys: '' };
    case 'busy':
      return {
        lines: text('An installation is under way on another terminal.', room),
        keys: 'r look again',
      };
    case 'disks':
    case 'planning':
      return disks(shown, room);
    case 'plan':
      return plan(shown, room);
    case 'installing': {
      const { progress } = shown;
      return {
        lines: [
          ...text('Installing. The machine must stay on.', room),
          line(''),
          ...text(progress === null ? 'beginning' : describeProgress(progress), room),
          line(''),
          ...(progress === null ? [] : [bar(progress, room)]),
        ],
        keys: '',
      };
    }
    case 'installed': {
      const { product, version, seconds, warnings } = shown.report;
      return {
        lines: [
          ...text(`${product} ${version} is installed on ${shown.disk}, in ${seconds} s.`, room),
          line(''),
          ...text(
            'Take the medium out when the machine restarts, or it starts from that again.',
            room,
          ),
          ...warnings.flatMap((warning) => [line(''), ...text(`Note: ${warning}`, room)]),
        ],
        keys: 'Enter restart   p power off',
      };
    }
    case 'failed':
      return {
        lines: [
          ...text('Nothing is installed:', room),
          line(''),
          ...text(shown.problem, room),
          line(''),
          ...text('The disk may not boot. The medium can be started from again.', room),
        ],
        keys: 'Enter look at the disks   c use this system live   p power off',
      };
    case 'leaving':
      return { lines: text(shown.what, room), keys: '' };
  }
}

function disks(
  { machine, list, at }: Extract<View, { at: 'disks' | 'planning' }>,
  room: Size,
): Body {
  const { image, disks: all } = machine;
  const entries = all.map((disk) => `${describeDisk(disk)}  ${describeContents(disk)}`);
  const selected = all[Math.min(list.selected, all.length - 1)];
  return {
    lines: [
      ...text(`On which disk shall ${image.title} ${image.version} be installed?`, room),
      line(''),
      ...(all.length === 0
        ? text(
            'There is no disk. A RAID controller may have to be set to show its disks (AHCI, HBA).',
            room,
          )
        : drawList(list, entries, { columns: room.columns, rows: Math.max(room.rows - 8, 3) })),
      line(''),
      ...(selected === undefined
        ? []
        : text(`${describeDisk(selected)}: ${describeContents(selected)}.`, room)),
      ...(at === 'planning' ? [line(''), ...text('Planning ...', room)] : []),
    ],
    keys: 'Enter choose   r look again   c use this system live   p power off',
  };
}

function plan({ planned, choices, form, proof }: Extract<View, { at: 'plan' }>, room: Size): Body {
  if ('reasons' in planned) {
    const reasons = planned.reasons.flatMap((reason) => text(`- ${reason}`, room));
    return {
      lines: [...text('This disk cannot be taken:', room), line(''), ...reasons],
      keys: 'Esc other disk',
    };
  }
  const planLines = planText(planned.plan).flatMap((one) => text(one, room));
  const carried =
    planned.plan.kind === 'reinstall'
      ? []
      : text(
          choices.carry
            ? 'Network, name, password and keys of this system are taken over.'
            : 'The installed system begins without any configuration.',
          room,
        );
  const lines = [...planLines, ...carried, line('')];
  if (form === null) {
    return {
      lines,
      keys: 'Enter install   Esc other disk   k keep or renew   o configuration   d data',
    };
  }
  const field = drawForm(form, createSerialFields(proof), room.columns);
  const asked = text('What is on the disk is lost. To allow that, type its serial number:', room);
  const above = [...lines, ...asked];
  return {
    lines: [...above, ...field.lines],
    keys: 'Enter erase and install   Esc back',
    cursor: field.cursor && { ...field.cursor, row: field.cursor.row + above.length },
  };
}

function bar({ done, total }: { done: number; total: number }, { columns }: Size): Line {
  const width = Math.min(columns - 4, 60);
  const full = total === 0 ? 0 : Math.floor((done / total) * width);
  return line(` [${'#'.repeat(full)}${' '.repeat(width - full)}]`);
}

function text(words: string, { columns }: Size): Line[] {
  return wrap(words, columns - 2).map((part) => line(` ${part}`));
}
