import { createHash } from 'node:crypto';
import { appendFile } from 'node:fs/promises';
import { z } from 'zod';
import { makePrintable } from '../build/drawing/printable.ts';
import { BuildError } from '../build/error.ts';
import { writeFileAtomically } from '../build/process/atomic-write.ts';
import type { Output } from './ui/events.ts';
import { escapeMarkdown, formatBytes, formatMarkdownTable, formatSeconds } from './ui/format.ts';
import type { Place } from './ui/place.ts';
import { describeOrigin } from './ui/stage.ts';

const text = z.string();
const position = z.int().min(1).optional();

/** The events of `BuildEvent` that are reported in CI. */
const eventSchema = z.discriminatedUnion('event', [
  z.object({ event: z.literal('note'), text }),
  z.object({ event: z.literal('chart'), title: text, text }),
  z.object({
    event: z.literal('done'),
    image: text,
    step: text,
    cached: z.boolean(),
    origin: text.optional(),
    seconds: z.number(),
  }),
  z
    .object({ event: z.literal('built'), file: text, size: z.number(), sha256: text })
    .transform(({ file: path, ...event }) => ({ ...event, path })),
  z.object({
    event: z.literal('released'),
    files: z.array(z.object({ path: text, size: z.number(), sha256: text })),
  }),
  z.object({
    event: z.literal('advisory'),
    image: text,
    id: text,
    source: text,
    version: text,
    fixed: text.optional(),
    open: z.boolean(),
  }),
  z.object({ event: z.literal('finding'), kind: text, file: text, what: text }),
  z.object({
    event: z.literal('error'),
    message: text,
    file: text.optional(),
    line: position,
    column: position,
  }),
]);

type Event = z.infer<typeof eventSchema>;

/** A message, and its place if that is in the project. */
interface Annotation {
  level: 'error' | 'warning';
  message: string;
  place?: Place | undefined;
}

/** Where events are reported in addition to the log. */
export interface AnnotateOptions {
  /** Mark errors and warnings in the log with GitHub's workflow commands. */
  github: boolean;
  /** File to which a summary in Markdown is appended. */
  summary?: string | undefined;
  /** File for errors and warnings in GitLab's code quality format. */
  codeQuality?: string | undefined;
}

/**
 * Reports events of `--json` in CI: as lines of the log, as annotations of files, as a summary.
 * @param lines one event each; lines that are not JSON are printed as text, unknown events are skipped
 * @throws BuildError if a report cannot be written
 */
export async function annotate(
  lines: AsyncIterable<string>,
  { github, summary, codeQuality }: AnnotateOptions,
  output: Output,
): Promise<void> {
  const annotations: Annotation[] = [];
  const files: string[][] = [];
  const steps: string[][] = [];
  const charts: SummaryChart[] = [];
  for await (const line of lines) {
    const event = readEvent(line);
    if (event === undefined) continue;
    const annotation = annotationOf(event);
    if (annotation !== undefined) annotations.push(annotation);
    files.push(...fileRows(event));
    steps.push(...stepRows(event));
    if (event.event === 'chart') charts.push(event);
    const printed =
      annotation === undefined ? logLines(event) : annotationLines(annotation, github);
    for (const one of printed) output.say(one);
  }
  if (codeQuality !== undefined) {
    const report = qualityReport(annotations);
    await writeFileAtomically(codeQuality, report).catch(refuse(codeQuality));
  }
  const markdown = summaryOf({ annotations, files, steps, charts });
  if (summary === undefined || markdown === '') return;
  await appendFile(summary, markdown).catch(refuse(summary));
}

/** Returns a function that explains why a report could not be written. */
function refuse(file: string): (cause: unknown) => never {
  return (cause) => {
    throw new BuildError({ what: 'the report cannot be written', where: file, cause });
  };
}

/** Parses a line; returns nothing if it is an event that is not reported. */
function readEvent(line: string): Event | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return { event: 'note', text: line };
  }
  return eventSchema.safeParse(json).data;
}

function annotationOf(event: Event): Annotation | undefined {
  if (event.event === 'error') {
    const { message, file, line, column } = event;
    const place = file === undefined ? undefined : { file, line, column };
    return { level: 'error', message, place };
  }
  if (event.event === 'finding') {
    const { kind, file, what } = event;
    return { level: 'error', message: `${kind}: ${file}${what === '' ? '' : `, ${what}`}` };
  }
  if (event.event !== 'advisory' || !event.open) return undefined;
  const { image, id, source, version, fixed } = event;
  const mended = fixed === undefined ? '' : `, fixed in ${fixed}`;
  const message = `${id} is open in ${source} ${version} of ${image}${mended}`;
  return { level: 'warning', message, place: { file: `profiles/${image}.ts` } };
}

/** Rows for the files that an event reports: path, size, SHA-256. */
function fileRows(event: Event): string[][] {
  const files = event.event === 'built' ? [event] : event.event === 'released' ? event.files : [];
  return files.map(({ path, size, sha256 }) => [path, formatBytes(size), sha256]);
}

/** Row for a completed step: image, step, time, origin of its result. */
function stepRows(event: Event): string[][] {
  if (event.event !== 'done') return [];
  return [[event.image, event.step, formatSeconds(event.seconds), describeOrigin(event)]];
}

function logLines(event: Event): string[] {
  const lines = event.event === 'note' ? event.text.split('\n') : stepRows(event).map(stepLine);
  // A release reports its files in a note.
  const built = event.event === 'built' ? fileRows(event).map((row) => row.join('  ')) : [];
  return [...lines, ...built].map(plainLine);
}

function stepLine([image = '', step = '', time = '', from = '']: readonly string[]): string {
  return `${image}: ${step}, ${time}${from === '' ? '' : `, ${from}`}`;
}

/**
 * Makes a line safe to print. GitHub executes `::command::` at the start of a log line and `##[command]` anywhere in
 * it, and the text may come from a package or a pull request.
 */
function plainLine(line: string): string {
  return makePrintable(line)
    .replace(/^\s*:(?=:)/, '$& ')
    .replaceAll('##[', '## [');
}

function annotationLines(annotation: Annotation, github: boolean): string[] {
  if (github) return [githubCommand(annotation)];
  const { level, message, place } = annotation;
  const where = place === undefined ? '' : `${placeWords(place)}: `;
  return `${where}${level}: ${message}`.split('\n').map(plainLine);
}

function placeWords({ file, line, column }: Place): string {
  return [file, line, column].filter((part) => part !== undefined).join(':');
}

/** Formats an annotation for GitHub's runner (“Workflow commands for GitHub Actions”, setting an error message). */
function githubCommand({ level, message, place }: Annotation): string {
  const { file, line, column: col } = place ?? {};
  const properties = Object.entries({ file, line, col, title: 'qx-build' }).flatMap(
    ([name, value]) => (value === undefined ? [] : [`${name}=${escapeProperty(String(value))}`]),
  );
  return `::${level} ${properties.join(',')}::${escapeData(message)}`;
}

function escapeData(value: string): string {
  return value.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapeProperty(value: string): string {
  return escapeData(value).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

/** Formats the annotations that have a place for GitLab (“Code Quality”, report format). */
function qualityReport(annotations: readonly Annotation[]): string {
  const issues = annotations.flatMap(({ level, message, place }) => {
    if (place === undefined) return [];
    const { file: path, line: begin = 1 } = place;
    const fingerprint = createHash('sha256')
      .update(JSON.stringify([path, message]))
      .digest('hex');
    return {
      ...{ description: message, check_name: 'qx-build', fingerprint },
      severity: level === 'error' ? 'critical' : 'minor',
      location: { path, lines: { begin } },
    };
  });
  return `${JSON.stringify(issues, null, 2)}\n`;
}

/** A chart as text. */
interface SummaryChart {
  title: string;
  text: string;
}

/** Content of a summary. */
interface Summary {
  annotations: readonly Annotation[];
  /** Rows of a table. */
  files: readonly string[][];
  steps: readonly string[][];
  charts: readonly SummaryChart[];
}

/** Formats tables and charts in Markdown; empty if there is nothing to report. */
function summaryOf({ annotations, files, steps, charts }: Summary): string {
  const wrong = annotations.map(({ level, message, place }) => [
    level,
    place === undefined ? '' : placeWords(place),
    message.replaceAll('\n', ' '),
  ]);
  const tables = [
    { head: ['', 'Where', 'What'], rows: wrong },
    { head: ['File', 'Size', 'SHA-256'], rows: files },
    { head: ['Image', 'Step', 'Time', ''], rows: steps },
  ];
  const drawn = tables
    .filter(({ rows }) => rows.length > 0)
    .map(({ head, rows }) => `${formatMarkdownTable([head, ...rows])}\n\n`);
  return [...drawn, ...charts.map(markdownChart)].join('');
}

/**
 * Formats a chart as a code block, in which nothing is markup: pictures cannot be embedded in a summary, since GitHub
 * shows neither SVG nor data addresses there. A chart without bars is its title only.
 */
function markdownChart({ title, text }: SummaryChart): string {
  const lines = text
    .split('\n')
    .filter((line) => line !== '')
    .map(makePrintable);
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const block = lines.length === 0 ? [] : [[fence, ...lines, fence].join('\n')];
  return [escapeMarkdown(title), ...block].map((part) => `${part}\n\n`).join('');
}
