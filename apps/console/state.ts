import type { HeardNetwork } from '../network/scan.ts';
import type { Action } from './actions.ts';
import type { FactName, LogSource, PasswordState } from './deps.ts';
import type { FactRead, Facts } from './facts.ts';
import type { Form } from './kit/form.ts';
import type { Size } from './kit/frame.ts';
import type { List } from './kit/list.ts';

export type StaticName = 'address' | 'gateway' | 'dns' | 'keep';
export type DhcpName = 'keep';
export type JoinName = 'ssid' | 'password' | 'keep';
export type MinutesName = 'minutes';
export type PasswordName = 'password' | 'again';

/** Names of screens, and each screen by its name. */
export type ScreenName = Screen['name'];
export type ScreenOf<Name extends ScreenName> = Extract<Screen, { name: Name }>;

/** What is on the screen below the title. */
export type Screen =
  | { name: 'status'; top: number }
  | { name: 'network'; list: List }
  | { name: 'static'; interface: string; form: Form<StaticName> }
  | { name: 'dhcp'; interface: string; form: Form<DhcpName> }
  | { name: 'wifi'; interface: string; found: readonly HeardNetwork[]; list: List }
  | { name: 'join'; interface: string; form: Form<JoinName> }
  | { name: 'ssh'; list: List }
  | { name: 'ssh-minutes'; form: Form<MinutesName> }
  | { name: 'services'; list: List }
  | {
      name: 'logs';
      source: LogSource;
      lines: readonly string[] | null;
      problem: string | null;
      /** First line that is seen; `end` follows the newest. */
      top: number | 'end';
    }
  | { name: 'password'; form: Form<PasswordName> }
  | { name: 'power'; list: List };

/** What lies over the screen, and takes the keys. */
export type Dialog =
  | { name: 'message'; title: string; text: string }
  | { name: 'confirm'; title: string; text: string; action: Action }
  | { name: 'working'; title: string; turn: number }
  | { name: 'authorize'; action: Action; form: Form<'password'>; problem: string | null };

/** A question for a fact: answers to earlier ones are no longer of interest. */
export interface Asked {
  /** Milliseconds since 1970. */
  at: number;
  turn: number;
  answered: boolean;
}

export interface State {
  /** What this appliance is called before its version is known. */
  product: string;
  size: Size;
  /** Milliseconds since 1970. */
  now: number;
  /** The facts that this appliance has. */
  sources: readonly FactName[];
  facts: Facts;
  /** The last time that each fact was asked for. */
  asked: Readonly<Partial<Record<FactName, Asked>>>;
  screen: Screen;
  dialog: Dialog | null;
  exitStatus: number | null;
}

/** What is to be done outside. */
export type Effect =
  | { type: 'read'; name: FactName; turn: number }
  | { type: 'read-log'; source: LogSource }
  | { type: 'await-network-change' }
  | { type: 'scan'; interface: string }
  /** Asks whether there is a password, before an action. */
  | { type: 'ask-password-state'; action: Action }
  | { type: 'check-password'; action: Action; password: string }
  | { type: 'perform'; action: Action }
  | { type: 'cancel' };

/** What came of it. */
export type Event =
  | { type: 'fact'; turn: number; fact: FactRead }
  | {
      type: 'log';
      source: LogSource;
      lines: readonly string[] | null;
      problem: string | null;
    }
  | { type: 'network-changed' }
  /** The network is not watched; it is read at intervals all the same. */
  | { type: 'network-unwatched' }
  | { type: 'scanned'; interface: string; found: readonly HeardNetwork[] }
  | { type: 'password-state'; action: Action; state: PasswordState }
  | { type: 'password-checked'; action: Action; right: boolean }
  | { type: 'performed'; action: Action; message: string }
  | { type: 'failed'; title: string; problem: string }
  | { type: 'cancelled' };
