import { UsageError } from '../../process/command-line.ts';

/** Options of the operator's commands, for parseArgs. */
export const OPERATOR_OPTIONS = {
  uses: { type: 'string' },
  expires: { type: 'string' },
  description: { type: 'string' },
  reason: { type: 'string' },
  node: { type: 'string' },
  within: { type: 'string' },
  yes: { type: 'boolean' },
  'no-wait': { type: 'boolean' },
  channel: { type: 'string' },
  arch: { type: 'string' },
  percent: { type: 'string' },
  'at-once': { type: 'string' },
  'skip-failed': { type: 'boolean' },
  after: { type: 'string' },
  before: { type: 'string' },
  limit: { type: 'string' },
  kind: { type: 'string' },
  action: { type: 'string' },
  user: { type: 'string' },
  head: { type: 'string' },
  all: { type: 'boolean' },
  role: { type: 'string' },
  cert: { type: 'string' },
  key: { type: 'string' },
  name: { type: 'string' },
  contact: { type: 'string' },
  authority: { type: 'string' },
  gateway: { type: 'string' },
  dns: { type: 'string' },
} as const;

/** The given values of these options. */
export interface OperatorValues {
  readonly uses?: string | undefined;
  readonly expires?: string | undefined;
  readonly description?: string | undefined;
  readonly reason?: string | undefined;
  readonly node?: string | undefined;
  readonly within?: string | undefined;
  readonly yes?: boolean | undefined;
  readonly 'no-wait'?: boolean | undefined;
  readonly channel?: string | undefined;
  readonly arch?: string | undefined;
  readonly percent?: string | undefined;
  readonly 'at-once'?: string | undefined;
  readonly 'skip-failed'?: boolean | undefined;
  readonly after?: string | undefined;
  readonly before?: string | undefined;
  readonly limit?: string | undefined;
  readonly kind?: string | undefined;
  readonly action?: string | undefined;
  readonly user?: string | undefined;
  readonly head?: string | undefined;
  readonly all?: boolean | undefined;
  readonly role?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly name?: string | undefined;
  readonly contact?: string | undefined;
  readonly authority?: string | undefined;
  readonly gateway?: string | undefined;
  readonly dns?: string | undefined;
}

/** Options by command. */
export const OPTIONS_OF: Readonly<Record<string, readonly (keyof OperatorValues)[]>> = {
  'token create': ['uses', 'expires', 'description'],
  'nodes maintenance': ['reason', 'no-wait', 'within'],
  'nodes delete': ['yes', 'reason'],
  'vms list': ['node'],
  'tasks list': ['node'],
  'vms start': ['no-wait', 'within'],
  'vms shutdown': ['no-wait', 'within'],
  'vms stop': ['no-wait', 'within'],
  'vms reboot': ['no-wait', 'within'],
  'updates start': ['channel', 'arch', 'percent', 'at-once'],
  'updates resume': ['percent', 'skip-failed'],
  'events list': ['after', 'kind', 'node', 'limit'],
  'events follow': ['after', 'kind', 'node', 'limit'],
  'alerts list': ['all', 'limit'],
  'audit list': ['after', 'before', 'action', 'user', 'limit'],
  'audit verify': ['head'],
  'users add': ['role'],
  'certificate set': ['cert', 'key'],
  'certificate acme': ['name', 'contact', 'authority'],
  'address change': ['gateway', 'dns', 'within', 'percent', 'yes'],
};

/** The operator's commands, and the verbs of each. */
export const VERBS_OF = {
  token: ['create', 'list', 'revoke'],
  nodes: ['list', 'show', 'resync', 'maintenance', 'adopt', 'delete'],
  vms: ['list', 'show', 'start', 'shutdown', 'stop', 'reboot'],
  pools: ['list', 'show'],
  tasks: ['list', 'show', 'cancel'],
  updates: ['list', 'show', 'start', 'pause', 'resume'],
  events: ['list', 'follow'],
  alerts: ['list', 'acknowledge', 'clear'],
  audit: ['list', 'verify'],
  users: ['list', 'add', 'first-password', 'reset-password', 'disable', 'enable'],
  certificate: ['show', 'set', 'acme', 'reset'],
  address: ['show', 'change', 'withdraw'],
} as const;

/** A command of the operator. */
export type OperatorCommand = keyof typeof VERBS_OF;

/** Whether a command is one of the operator's. */
export function isOperatorCommand(command: string | undefined): command is OperatorCommand {
  return command !== undefined && Object.hasOwn(VERBS_OF, command);
}

/** Refuses a verb. @throws UsageError that names those of the command */
export function refuseVerb(command: OperatorCommand): never {
  const verbs = VERBS_OF[command];
  throw new UsageError(
    `${command} is followed by ${verbs.slice(0, -1).join(', ')} or ${verbs.at(-1)}`,
  );
}

/** @throws UsageError if the command does not have an option */
export function refuseOptions(command: string, values: OperatorValues): void {
  const known: readonly string[] = OPTIONS_OF[command] ?? [];
  const [name] = listGivenOptions(values).filter((one) => !known.includes(one));
  if (name !== undefined) throw new UsageError(`--${name} is not an option of ${command.trim()}`);
}

/** Returns the names of the given options. */
export function listGivenOptions(values: OperatorValues): string[] {
  return Object.entries(values).flatMap(([name, value]) =>
    name in OPERATOR_OPTIONS && value !== undefined ? [name] : [],
  );
}
