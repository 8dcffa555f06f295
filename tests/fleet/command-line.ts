import { parseArgs } from 'node:util';
import { CALM, type ChaosOptions } from './chaos.ts';

/** Options of `qx-fleet`. */
export interface Wanted {
  /** Whether to use the real control plane, with PostgreSQL, etcd and Redis, instead of the one in memory. */
  readonly real: boolean;
  readonly agents: number;
  /** Virtual machines of each host. */
  readonly vms: number;
  /** Milliseconds for which faults are injected. */
  readonly duration: number;
  readonly seed: number;
  readonly chaos: ChaosOptions;
}

export const USAGE = `qx-fleet [--real] [--agents 1000] [--vms 50] [--for 30s] [--seed 1] [--kill 10%] [--move-vms 5/s] [--switch-vms 5/s]
         [--address-change 2/min] [--tasks 5/s] [--clock-skew 90s]`;

/**
 * Parses the command line of `qx-fleet`.
 * @param args arguments after the program's name
 * @throws Error that says which option is wrong
 */
export function parseFleetArguments(args: readonly string[]): Wanted {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      real: { type: 'boolean', default: false },
      agents: { ...text, default: '1000' },
      vms: { ...text, default: '50' },
      for: { ...text, default: '30s' },
      seed: { ...text, default: '1' },
      kill: text,
      'move-vms': text,
      'switch-vms': text,
      'address-change': text,
      tasks: text,
      'clock-skew': text,
    },
  });
  const rate = (name: 'move-vms' | 'switch-vms' | 'address-change' | 'tasks') =>
    perSecond(name, values[name]);
  return {
    real: values.real,
    agents: whole('agents', values.agents),
    vms: whole('vms', values.vms),
    duration: milliseconds('for', values.for),
    seed: whole('seed', values.seed),
    chaos: {
      kill: share('kill', values.kill),
      moveVms: rate('move-vms'),
      switchVms: rate('switch-vms'),
      addressChange: rate('address-change'),
      tasks: rate('tasks'),
      clockSkew:
        values['clock-skew'] === undefined
          ? CALM.clockSkew
          : milliseconds('clock-skew', values['clock-skew']),
    },
  };
}

const UNITS = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 } as const;

function whole(name: string, text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw wrong(name, text, 'a whole number');
  return Number(text);
}

function milliseconds(name: string, text: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|min|h)$/.exec(text) ?? [];
  if (!isUnit(unit)) throw wrong(name, text, 'a time such as 90s or 2min');
  return Number(number) * UNITS[unit];
}

function perSecond(name: string, text: string | undefined): number {
  if (text === undefined) return 0;
  const [, number, unit] = /^(\d+(?:\.\d+)?)\/(ms|s|min|h)$/.exec(text) ?? [];
  if (!isUnit(unit)) throw wrong(name, text, 'a rate such as 5/s or 2/min');
  return (Number(number) * UNITS.s) / UNITS[unit];
}

function share(name: string, text: string | undefined): number {
  if (text === undefined) return 0;
  const [, percent] = /^(\d+(?:\.\d+)?)%$/.exec(text) ?? [];
  if (percent === undefined || Number(percent) > 100)
    throw wrong(name, text, 'a share such as 10%');
  return Number(percent) / 100;
}

function isUnit(unit: string | undefined): unit is keyof typeof UNITS {
  return unit !== undefined && unit in UNITS;
}

function wrong(name: string, text: string, wanted: string): Error {
  return new Error(`--${name} ${JSON.stringify(text)} is not ${wanted}`);
}
