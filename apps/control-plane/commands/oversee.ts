import { MOST_LISTED } from '../../api/events.ts';
import { expectOperands, UsageError } from '../../process/command-line.ts';
import { makePrintable } from '../../text/printable.ts';
import * as client from '../operator/client.ts';
import * as describe from '../operator/describe-oversight.ts';
import { followEvents } from '../operator/follow-events.ts';
import { type OperatorValues, refuseVerb } from '../operator/options.ts';
import { formatOutcome, type Operating, type Outcome, requireOne } from './operating.ts';

/** Carries out `qx-controlplane events`; see `operate`. */
export async function runEvents(
  verb: string,
  operands: readonly string[],
  operating: Operating,
): Promise<Outcome> {
  expectOperands(operands);
  switch (verb) {
    case 'list': {
      expectNumbers(operating.values);
      const { after, kind, node, limit } = operating.values;
      const answer = await client.listEvents({ after, kind, node, limit }, operating);
      return formatOutcome(operating, answer, (now) => describe.formatEventsTable(answer, now));
    }
    case 'follow':
      return await follow(operating);
    default:
      refuseVerb('events');
  }
}

/** Prints each event as it happens, until the signal is aborted or `--limit` events are printed. */
async function follow(operating: Operating): Promise<Outcome> {
  const { form, values, tell, print } = operating;
  const { after, kind, node, limit } = values;
  const request = {
    ...{ after: after === undefined ? undefined : parseNumber('after', after), kind, node },
    onSilence: (why: string) => tell(`${makePrintable(why)}; retrying\n`),
  };
  let left = limit === undefined ? Number.POSITIVE_INFINITY : parseNumber('limit', limit);
  if (left === 0) throw new UsageError('--limit 0 prints nothing');
  for await (const received of followEvents(request, operating)) {
    if (form === 'json')
      await print(`${JSON.stringify('event' in received ? received.event : received)}\n`);
    else if ('event' in received) await print(describe.formatEventLine(received.event));
    else await print(describe.formatGapLine(received.gap));
    if ('event' in received) left -= 1;
    if (left === 0 || operating.signal.aborted) break;
  }
  return { text: '', status: 0 };
}

function parseNumber(name: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`--${name} ${JSON.stringify(text)} is not a number`);
}

/** Checks the options of a list. @throws UsageError naming one that is not a number, or too large */
function expectNumbers({ after, before, limit }: OperatorValues): void {
  if (after !== undefined) parseNumber('after', after);
  if (before !== undefined) parseNumber('before', before);
  if (limit === undefined) return;
  const most = parseNumber('limit', limit);
  if (most < 1 || most > MOST_LISTED) {
    throw new UsageError(`--limit ${limit} is not from 1 to ${MOST_LISTED}`);
  }
}

/** Carries out `qx-controlplane alerts`; see `operate`. */
export async function runAlerts(
  verb: string,
  operands: readonly string[],
  operating: Operating,
): Promise<Outcome> {
  switch (verb) {
    case 'list': {
      expectOperands(operands);
      expectNumbers(operating.values);
      const { all, limit } = operating.values;
      const asked = { all: all === true ? '1' : undefined, limit };
      const answer = await client.listAlerts(asked, operating);
      return formatOutcome(operating, answer, (now) => describe.formatAlerts(answer, now));
    }
    case 'acknowledge':
    case 'clear': {
      const alert = await client.actOnAlert(requireOne(operands), verb, operating);
      return formatOutcome(operating, alert, (now) => {
        const state = describe.describeAlertState(alert, now);
        return `${makePrintable(`${alert.title}: ${alert.source.name}: ${state}`)}\n`;
      });
    }
    default:
      refuseVerb('alerts');
  }
}

/** Carries out `qx-controlplane audit`; see `operate`. The status is 1 if the log fails its verification. */
export async function runAudit(
  verb: string,
  operands: readonly string[],
  operating: Operating,
): Promise<Outcome> {
  expectOperands(operands);
  switch (verb) {
    case 'list': {
      expectNumbers(operating.values);
      const { after, before, action, user, limit } = operating.values;
      const answer = await client.listAudit({ after, before, action, user, limit }, operating);
      const { entries, more } = answer;
      return formatOutcome(operating, answer, (now) =>
        describe.formatAuditTable(entries, more, now),
      );
    }
    case 'verify': {
      const verdict = await client.verifyAudit({ head: operating.values.head }, operating);
      const { text } = formatOutcome(operating, verdict, () => describe.formatVerdict(verdict));
      return { text, status: verdict.findings.length === 0 ? 0 : 1 };
    }
    default:
      refuseVerb('audit');
  }
}
