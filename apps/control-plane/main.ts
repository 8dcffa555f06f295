import { ExplainedError } from '../error.ts';
import { AnswerError } from '../http/ask.ts';
import { codeOf } from '../process/code-of.ts';
import {
  endingSignal,
  expectOperands,
  print,
  refuseCommand,
  runCommandLine,
  UsageError,
} from '../process/command-line.ts';
import {
  givenOptions,
  isOperatorCommand,
  OPERATOR_OPTIONS,
  type OperatorCommand,
  type OperatorValues,
} from './operator/options.ts';

/** Path of an appliance's configuration. */
const CONFIG_FILE = '/quantix/vdc/config.yaml';

const HELP = `Usage: qx-controlplane COMMAND

The control plane.

  run                       be the control plane, until told to end; the service qx-controlplane does this
  migrate status [--json]   tell which migrations the database has
  migrate up                apply the migrations that it lacks; the database is dumped before
  migrate down [COUNT]      take the newest migrations back, one if no COUNT is given; the database is dumped before
  backup [FILE]             make an encrypted backup of database, certificate authority and configuration
  backup verify FILE        restore one into a scratch database, and tell what is in it
  restore FILE              put one in the place of what is there, while the service is stopped; --yes asks no question,
                            --keep-configuration leaves config.yaml as it is
                            --passphrase-file FILE has the passphrase; else it is the kept one, or is asked for
  doctor [--json]           tell how database, etcd and Redis fare, and what to do

  token create              make a join token: --uses 1 --expires 1h --description TEXT
  token list                tell which there are, and who used them
  token revoke ID           make one worthless; hosts that joined with it stay
  nodes list                tell which hosts have joined, and when they were heard of last
  nodes show NODE           tell more of one
  nodes resync NODE         have it send its full state
  nodes maintenance NODE on|off   have it start no virtual machine; --reason TEXT
  nodes adopt ID            let in a host that joined after the backup that was restored, by its whole id
  nodes delete NODE         forget it, and refuse it until it joins anew; --yes, else its name is asked for
  vms list [--node NODE]    tell which virtual machines there are, and how they fare
  vms show VM               tell more of one
  vms start VM …            start them; so shutdown (the guest is asked), stop (as if power was cut), reboot
                            --no-wait does not wait for the end; --within 2m is the time that it may take
  pools list                tell which storage pools there are, and how they fare on each host
  pools show POOL           tell more of one
  tasks list [--node NODE]  tell what hosts were told to do, and what came of it
  tasks show TASK           tell more of one
  tasks cancel TASK         take one back that was not begun
  updates list              tell which releases are here, and which roll-outs there were
  updates show ROLLOUT      tell how each host fares
  updates start [VERSION]   bring a release to the hosts, one after another; it pauses when the first one fails
                            --channel stable --arch x86_64 --percent 10 --at-once 1
  updates pause ROLLOUT     begin no further host
  updates resume ROLLOUT    go on, hosts that failed once more; --percent 100, --skip-failed
  events list               tell what happened last: --after EVENT --kind vm --node NODE --limit 100
  events follow             tell what happens, as it happens, until Ctrl-C; over restarts of the service
  alerts list [--all]       tell which alerts are open, and whether their receivers are reached
  alerts acknowledge ALERT  note that you have seen one
  alerts clear ALERT        end one that is over
  audit list                tell who did what: --after ENTRY --before ENTRY --action node --user NAME --limit 100
  audit verify              look through the audit log for what was changed; --head N:HASH as it was told before

  users list                tell which accounts there are
  users add NAME            make one, and tell its password; --role viewer, operator or admin
  users first-password      tell a password of the account admin, until somebody has logged in
  users reset-password USER tell another password of one; its sessions end
  users disable USER        end its sessions, and let nobody in by it or its API keys; users enable USER takes that back

  certificate show          tell which certificate people are shown on port 443, and until when it is good
  certificate set           show another one from now on: --cert FILE, with all that lead to its root, --key FILE; PEM
  certificate reset         show one of the control plane’s own authority again

  address show              tell where hosts find this control plane, and which address each is connected to
  address change INTERFACE ADDRESS/PREFIX
                            give hosts another address, try it, keep it if they connect to it, otherwise undo it:
                            --gateway ADDRESS --dns A,B --within 2m --percent 100; --yes asks no question
  address withdraw          give hosts the present addresses only, after a change that was interrupted

  NODE, VM, POOL, TASK, ROLLOUT, ALERT, USER and ID are an id, its beginning, or a name that only one has. All of these take --json.

  --config FILE             another configuration than ${CONFIG_FILE}
  --help                    this text
  --version                 the version
`;

/**
 * Runs the program qx-controlplane.
 * @param args its arguments, without the program's name
 * @returns exit status: 0, 1 if something went wrong, 2 for wrong usage
 */
export async function main(args: string[]): Promise<number> {
  const options = {
    config: { type: 'string', default: CONFIG_FILE },
    json: { type: 'boolean', default: false },
    'passphrase-file': { type: 'string' },
    'keep-configuration': { type: 'boolean' },
    ...OPERATOR_OPTIONS,
  } as const;
  return await runCommandLine(
    {
      program: 'qx-controlplane',
      help: HELP,
      options,
      isExplained: (error) => error instanceof ExplainedError || error instanceof AnswerError,
      run: ({ command, operands }, { config, json, ...values }) => {
        const given: Options = { config, form: json ? 'json' : 'text' };
        if (command === 'backup' || command === 'restore') {
          return secure(command, operands, { ...given, values });
        }
        const foreign = BACKUP_OPTIONS.find((one) => values[one] !== undefined);
        if (foreign !== undefined)
          throw new UsageError(`--${foreign} is not an option of ${command ?? ''}`);
        if (isOperatorCommand(command)) return operate(command, operands, { ...given, values });
        const [name] = givenOptions(values);
        if (name !== undefined)
          throw new UsageError(`--${name} is not an option of ${command ?? 'nothing'}`);
        return dispatch(command, operands, given);
      },
    },
    args,
  );
}

interface Options {
  /** Path of the configuration. */
  config: string;
  /** Format of the output. */
  form: 'json' | 'text';
}

async function dispatch(
  command: string | undefined,
  operands: readonly string[],
  { config, form }: Options,
): Promise<number> {
  switch (command) {
    case 'run': {
      expectOperands(operands);
      const { runControlPlane } = await import('./run.ts');
      return await runControlPlane(config, endingSignal());
    }
    case 'migrate':
      return print(await migrate(operands, { config, form }));
    case 'doctor': {
      expectOperands(operands);
      const { examine } = await import('./commands/doctor.ts');
      const { text, isWell } = await examine(config, form);
      print(text);
      return isWell ? 0 : 1;
    }
    default:
      return refuseCommand(command);
  }
}

/** Options of `backup` and `restore`. */
const BACKUP_OPTIONS = ['passphrase-file', 'keep-configuration'] as const;

interface BackupValues extends OperatorValues {
  readonly 'passphrase-file'?: string | undefined;
  readonly 'keep-configuration'?: boolean | undefined;
}

/** Runs a command about backups. */
async function secure(
  command: 'backup' | 'restore',
  operands: readonly string[],
  { config, form, values }: Options & { values: BackupValues },
): Promise<number> {
  const keeps = values['keep-configuration'] === true;
  const isAgreed = values.yes === true;
  const [foreign] = givenOptions(values).filter((one) => one !== 'yes' || command !== 'restore');
  if (foreign !== undefined) throw new UsageError(`--${foreign} is not an option of ${command}`);
  if (keeps && command !== 'restore')
    throw new UsageError('--keep-configuration is an option of restore');
  const { makeOne, restoreOne, verifyOne } = await import('./commands/backup.ts');
  const given = {
    ...{ configFile: config, form, signal: endingSignal() },
    passphraseFile: values['passphrase-file'],
  };
  const [first, second] = operands;
  if (command === 'backup' && first !== 'verify') {
    expectOperands(operands, 0, 1);
    return print(await makeOne(first, given));
  }
  if (command === 'backup') {
    expectOperands(operands, 2);
    return print(await verifyOne(second ?? '', given));
  }
  expectOperands(operands, 1);
  const configuration = keeps ? 'keep' : 'replace';
  return print(await restoreOne(first ?? '', { ...given, configuration, isAgreed }));
}

/** Runs a command about tokens, nodes and what is on them. */
async function operate(
  command: OperatorCommand,
  operands: readonly string[],
  { config, form, values }: Options & { values: OperatorValues },
): Promise<number> {
  const [{ operate: work }, { readConfig }, { askLine }] = await Promise.all([
    import('./commands/operate.ts'),
    import('./config.ts'),
    import('../process/ask-line.ts'),
  ]);
  const { text, status } = await work(command, operands, {
    ...{ form, values, askLine },
    socket: (await readConfig(config)).socket,
    signal:
      command === 'address' ? outliveTerminal() : AbortSignal.any([endingSignal(), unreadSignal()]),
    tell: (line) => process.stderr.write(line),
    print: (piece) => new Promise((done) => process.stdout.write(piece, () => done())),
  });
  print(text);
  return status;
}

/**
 * Lets this process outlive its terminal: another address of this machine may end the connection that it was started
 * over. @returns the signal that ends it
 */
function outliveTerminal(): AbortSignal {
  process.on('SIGHUP', () => undefined);
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return endingSignal();
}

/** Returns a signal that is aborted when the reader of standard output goes away, as `head` does. */
function unreadSignal(): AbortSignal {
  const ending = new AbortController();
  process.stdout.on('error', (error) => {
    if (codeOf(error) !== 'EPIPE') throw error;
    ending.abort();
  });
  return ending.signal;
}

/** Runs a command about migrations. @returns the text to print */
async function migrate(
  [direction, ...operands]: readonly string[],
  { config, form }: Options,
): Promise<string> {
  const { applyMigrations, showMigrations, takeMigrationsBack } = await import(
    './commands/migrate.ts'
  );
  switch (direction) {
    case 'status':
      expectOperands(operands);
      return await showMigrations(config, form);
    case 'up':
      expectOperands(operands);
      return await applyMigrations(config);
    case 'down': {
      expectOperands(operands, 0, 1);
      const [count = '1'] = operands;
      return await takeMigrationsBack(config, parseCount(count));
    }
    default:
      throw new UsageError('migrate status, up or down?');
  }
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new UsageError(`${JSON.stringify(text)} is not a number of migrations`);
}
