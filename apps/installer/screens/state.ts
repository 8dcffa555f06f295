import { type Fields, textField } from '../../console/kit/field.ts';
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
  /** At a reinstallation: configuration and data stay. */
  keep: boolean;
  /** The configuration of this system is taken over. */
  carry: boolean;
  /** The rest of the disk becomes the data partition. */
  data: boolean;
}

/** What the screen shows. */
export type View =
  | { at: 'looking' }
  /** Another process installs. */
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
      /** A plan, or why there is none. */
      planned: { plan: InstallPlan } | { reasons: readonly string[] };
      /** The form in which the serial number is typed; `null` while it is not asked for. */
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

/** What is to be done. */
export type Effect =
  | { do: 'begin' }
  | { do: 'look' }
  | { do: 'plan'; machine: MachineFacts; list: List; choices: Choices }
  | { do: 'install'; plan: InstallPlan; answer: Answer }
  | { do: 'progress' }
  | { do: 'restart' }
  | { do: 'power-off' }
  | { do: 'live' };

/** What came of it. */
export type Event =
  | { type: 'shown'; view: View }
  | { type: 'progressed'; progress: Progress }
  | { type: 'left' };

/** The form in which the serial number of a disk is typed that is erased. @param proof what it must be */
export function serialFields(proof: string): Fields<'serial'> {
  return [
    textField({
      name: 'serial',
      label: 'Serial number',
      hint: proof,
      longest: 256,
      problem: ({ serial }) => (serial === proof ? null : `It is ${proof}.`),
    }),
  ];
}
