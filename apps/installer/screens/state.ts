import { createTextField, type Fields } from '../../console/kit/field.ts';
import type { Form } from '../../console/kit/form.ts';
import type { Size } from '../../console/kit/frame.ts';
import type { List } from '../../console/kit/list.ts';
import type { Answer } from '../answer.ts';
import type { MachineFacts } from '../facts.ts';
import type { Progress } from '../install.ts';
import type { InstallPlan } from '../plan.ts';
import type { Report } from '../report.ts';

/** What the operator has chosen so far. */
export interface Choices {
  /** Whether a reinstallation keeps configuration and data. */
  keep: boolean;
  /** Whether to take over the configuration of this system. */
  carry: boolean;
  /** Whether the rest of the disk becomes the data partition. */
  data: boolean;
}

/** The content of the screen. */
export type View =
  | { at: 'looking' }
  /** Another process is installing. */
  | { at: 'busy' }
  | { at: 'disks'; machine: MachineFacts; list: List }
  | { at: 'planning'; machine: MachineFacts; list: List }
  | {
      at: 'plan';
      machine: MachineFacts;
      list: List;
      choices: Choices;
      /** Serial number or path of the disk. */
      proof: string;
      answer: Answer;
      /** A plan, or the reasons why there is none. */
      planned: { plan: InstallPlan } | { reasons: readonly string[] };
      /** The form for the serial number; `null` while it is not shown. */
      form: Form<'serial'> | null;
    }
  | { at: 'installing'; progress: Progress | null }
  | { at: 'installed'; disk: string; report: Report }
  | { at: 'failed'; problem: string }
  | { at: 'leaving'; what: string };

export interface State {
  size: Size;
  view: View;
  exitStatus: number | null;
}

/** An effect to carry out. */
export type Effect =
  | { do: 'begin' }
  | { do: 'look' }
  | { do: 'plan'; machine: MachineFacts; list: List; choices: Choices }
  | { do: 'install'; plan: InstallPlan; answer: Answer }
  | { do: 'progress' }
  | { do: 'restart' }
  | { do: 'power-off' }
  | { do: 'live' };

/** The result of an effect. */
export type Event =
  | { type: 'shown'; view: View }
  | { type: 'progressed'; progress: Progress }
  | { type: 'left' };

/** Creates the form in which the serial number of the disk to erase is typed. @param proof the required text */
export function createSerialFields(proof: string): Fields<'serial'> {
  return [
    createTextField({
      name: 'serial',
      label: 'Serial number',
      hint: proof,
      longest: 256,
      problem: ({ serial }) => (serial === proof ? null : `It is ${proof}.`),
    }),
  ];
}
