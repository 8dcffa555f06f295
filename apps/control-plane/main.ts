import { ExplainedError } from '../error.ts';
import { AnswerError } from '../http/ask.ts';
import {
  createEndingSignal,
  endUnwritten,
  expectOperands,
  print,
  refuseCommand,
  runCommandLine,
  UsageError,
} from '../process/command-line.ts';
import {
  isOperatorCommand,
  listGivenOptions,
  OPERATOR_OPTIONS,
  type OperatorCommand,
  type OperatorValues,
} from './operator/options.ts';

/** Path of an appliance's configuration. */
const CONFIG_FILE = '/quantix/vdc/config.yaml';

const HELP = `Usage: qx-controlplane COMMAND

The control plane.

  run                       run the control plane until it is stopped; used by the service qx-controlplane
  migrate status [--json]   show which migrations the database has
  migrate up                apply the missing migrations, after a dump of the database
  migrate down [COUNT]      revert the newest migrations (one without COUNT), after a dump of the database
  backup [FILE]             make an encrypted backup of database, certificate authority and configuration;
                            --overwrite replaces FILE
  backup verify FILE        restore one into a scratch database, and list its content
  restore FILE              replace the present data by one, while the service is stopped; --yes asks no question,
                            --keep-configuration leaves config.yaml as it is
                            --passphrase-file FILE has the passphrase; else it is the stored one, or is asked for
  doctor [--json]           check database, etcd and Redis, and say what to do
  completion bash           print the script with which bash completes these words

  token create              make a join token: --uses 1 --expires 1h --description TEXT
  token list                list them, and who used them
  token revoke ID           revoke one; hosts that joined with it stay
  nodes list                list the hosts that have joined, with their last heartbeats
  nodes show NODE           show one in detail
  nodes resync NODE         make it send its full state
  nodes maintenance NODE on|off   make it start no virtual machine; --reason TEXT
  nodes adopt ID            accept a host that joined after the restored backup, by its whole id
  nodes delete NODE         delete it, and refuse it until it joins again; asks for its name without --yes
  vms list [--node NODE]    list the virtual machines and their states
  vms show VM               show one in detail
  vms start VM …            start them; also shutdown (asks the guest), stop (cuts the power), reboot
                            --no-wait does not wait for the outcome; --within 2m limits the time
  pools list                list the storage pools and their state on each host
  pools show POOL           show one in detail
  tasks list [--node NODE]  list the tasks of hosts and their outcomes
  tasks show TASK           show one in detail
  tasks cancel TASK         cancel one that has not started
  updates list              list the present releases, and all roll-outs
  updates show ROLLOUT      show the state of each host
  updates start [VERSION]   install a release on the hosts, one after another; pauses when the first one fails
                            --channel stable --arch x86_64 --percent 10 --at-once 1
  updates pause ROLLOUT     start no further host
  updates resume ROLLOUT    continue, and try failed hosts again; --percent 100, --skip-failed
  events list               list the last events: --after EVENT --kind vm --node NODE --limit 100
  events follow             print events as they happen, until Ctrl-C; over restarts of the service
  alerts list [--all]       list the open alerts, and whether their receivers are reached
  alerts acknowledge ALERT  record that you have seen one
  alerts clear ALERT        end one that is over
  audit list                list who did what: --after ENTRY --before ENTRY --action node --user NAME --limit 100
  audit verify              check the audit log for changes; --head N:HASH also checks an earlier head

  users list                list the accounts
  users add NAME            make one, and show its password; --role viewer, operator or admin
  users first-password      show a new password of the account admin, until somebody has logged in
  users reset-password USER show a new password of one; its sessions end
  users disable USER        end its sessions, and refuse it and its API keys; users enable USER reverts that

  certificate show          show the certificate on port 443, and until when it is valid
  certificate set           replace it: --cert FILE, with the chain to its root, --key FILE; PEM
  certificate acme DIRECTORY
                            order one by ACME, and renew it in time: --name NAME,NAME --contact MAIL
                            --authority FILE has what the directory's own certificate must end in
  certificate reset         go back to one of the control plane’s own authority

  address show              show where hosts find this control plane, and which address each is connected to
  address change INTERFACE ADDRESS/PREFIX
                            give hosts another address, try it, keep it if they connect to it, otherwise undo it:
                            --gateway ADDRESS --dns A,B --within 2m --percent 100; --yes asks no question
  address withdraw          give hosts the present addresses only, after a change that was interrupted

  NODE, VM, POOL, TASK, ROLLOUT, ALERT, USER and ID are an id, its beginning, or a unique name. All of these take --json.

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
    overwrite: { type: 'boolean' },
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
        const [name] = listGivenOptions(values);
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
      return await runControlPlane(config, createEndingSignal());
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
    case 'completion': {
      expectOperands(operands, 0, 1);
      const { formatCompletionScript } = await import('./commands/completion.ts');
      return print(formatCompletionScript(operands[0]));
    }
    default:
      return refuseCommand(command);
  }
}

/** Options of `backup` and `restore`. */
const BACKUP_OPTIONS = ['passphrase-file', 'keep-configuration', 'overwrite'] as const;

interface BackupValues extends OperatorValues {
  readonly 'passphrase-file'?: string | undefined;
  readonly 'keep-configuration'?: boolean | undefined;
  readonly overwrite?: boolean | undefined;
}

/** Runs a command about backups. */
async function secure(
  command: 'backup' | 'restore',
  operands: readonly string[],
  { config, form, values }: Options & { values: BackupValues },
): Promise<number> {
  const keeps = values['keep-configuration'] === true;
  const isAgreed = values.yes === true;
  const [foreign] = listGivenOptions(values).filter(
    (one) => one !== 'yes' || command !== 'restore',
  );
  if (foreign !== undefined) throw new UsageError(`--${foreign} is not an option of ${command}`);
  if (keeps && command !== 'restore')
    throw new UsageError('--keep-configuration is an option of restore');
  if (values.overwrite === true && (command !== 'backup' || operands[0] === 'verify'))
    throw new UsageError('--overwrite is an option of backup FILE');
  const { makeOne, restoreOne, verifyOne } = await import('./commands/backup.ts');
  const given = {
    ...{ configFile: config, form, signal: createEndingSignal() },
    passphraseFile: values['passphrase-file'],
  };
  const [first, second] = operands;
  if (command === 'backup' && first !== 'verify') {
    expectOperands(operands, 0, 1);
    const existing = values.overwrite === true ? 'replace' : 'keep';
    return print(await makeOne(first, { ...given, existing }));
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
      command === 'address'
        ? outliveTerminal()
        : AbortSignal.any([createEndingSignal(), unreadSignal()]),
    tell: (line) => process.stderr.write(line),
    print: (piece) => new Promise((done) => process.stdout.write(piece, () => done())),
  });
  print(text);
  return status;
}

/**
 * Lets this process outlive its terminal: a change of this machine's address may end the connection over which the
 * process was started. @returns the signal that ends the process
 */
function outliveTerminal(): AbortSignal {
  process.on('SIGHUP', () => undefined);
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return createEndingSignal();
}

/** Returns a signal that is aborted when the reader of standard output goes away, as `head` does. */
function unreadSignal(): AbortSignal {
  const ending = new AbortController();
  process.stdout.on('error', (error) => {
    endUnwritten(error);
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
      throw new UsageError('migrate is followed by status, up or down');
  }
}

function parseCount(text: string): number {
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new UsageError(`${JSON.stringify(text)} is not a number of migrations`);
}
