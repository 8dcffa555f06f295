import {
  type Aspect,
  compareContent,
  type Differences,
  type FileChange,
  isSame,
  type SettingChange,
} from '../build/comparison/compare.ts';
import { readContent } from '../build/comparison/read-content.ts';
import { makePrintable } from '../build/drawing/printable.ts';
import { describePackageChange } from '../build/lock/compare.ts';
import type { Output } from './ui/events.ts';
import { escapeMarkdown, formatBytes, formatMarkdownTable, formatTable } from './ui/format.ts';

/** Maximum number of rows of a table in Markdown; GitHub truncates summaries of more than 1 MiB. */
const MOST_ROWS = 200;

/** What to compare, and the output format. */
export interface DiffRequest {
  /** Paths of images or locks. */
  before: string;
  after: string;
  /** Print Markdown instead of plain text. */
  markdown: boolean;
  signal: AbortSignal;
}

/**
 * Prints the differences between two images or locks: as text or Markdown for people, or as events.
 * @returns whether there are none
 * @throws BuildError if one of them cannot be read, or they cannot be compared
 */
export async function printDifferences(
  { before, after, markdown, signal }: DiffRequest,
  output: Output,
): Promise<boolean> {
  const remarks: string[] = [];
  const options = { signal, say: (line: string) => remarks.push(line) };
  const old = await readContent(before, options);
  const fresh = await readContent(after, options);
  const differences = compareContent(old, fresh);
  if (output.json) {
    for (const remark of remarks) output.say(remark);
    emit(differences, output);
  } else {
    const sections = sectionsOf(differences);
    const text = markdown ? asMarkdown : asText;
    output.say(text({ before, after, remarks, sections }));
  }
  return isSame(differences);
}

function emit({ packages, settings, folders, files }: Differences, output: Output): void {
  for (const one of packages) output.emit({ event: 'difference', of: 'package', ...one });
  for (const one of settings) output.emit({ event: 'difference', of: 'setting', ...one });
  for (const one of folders) output.emit({ event: 'difference', of: 'folder', ...one });
  for (const one of files) output.emit({ event: 'difference', of: 'file', ...one });
}

/** One list of differences, formatted for people. */
interface Section {
  title: string;
  head: readonly string[];
  rows: readonly (readonly string[])[];
  /** Each difference in plain text, one line each. */
  lines: readonly string[];
}

function sectionsOf({ packages, settings, folders, files }: Differences): Section[] {
  const sizes = folders.map(({ part, path, before, after }) => {
    const grown = `${after > before ? '+' : '-'}${formatBytes(Math.abs(after - before))}`;
    return [`${part} /${path}`, formatBytes(before), formatBytes(after), grown];
  });
  const sections: Section[] = [
    {
      title: 'Packages',
      head: ['Package', 'Before', 'After'],
      rows: packages.map(({ name, before, after }) => [name, before ?? '', after ?? '']),
      lines: packages.map(describePackageChange),
    },
    {
      title: 'Settings',
      head: ['Setting', 'Before', 'After'],
      rows: settings.map(({ name, before, after }) => [name, before ?? '', after ?? '']),
      lines: settings.map(settingLine),
    },
    {
      title: 'Sizes',
      head: ['Folder', 'Before', 'After', 'Grown by'],
      rows: sizes,
      lines: formatTable(sizes).split('\n'),
    },
    {
      title: 'Files',
      head: ['Part', 'Path', 'What'],
      rows: files.map((file) => [file.part, `/${file.path}`, fileWords(file)]),
      lines: files.map(fileLine),
    },
  ];
  return sections.filter(({ rows }) => rows.length > 0);
}

/** Formats a setting: `+ module zram`, `os-release VERSION: 0.1.0 → 0.2.0`. */
function settingLine({ change, name, before, after }: SettingChange): string {
  if (change === 'changed') return `${name}: ${before} → ${after}`;
  return `${change === 'added' ? '+' : '-'} ${name}: ${after ?? before}`;
}

function fileLine(file: FileChange): string {
  const path = `${file.part} /${file.path}`;
  if (file.change === 'changed') return `${path}: ${fileWords(file)}`;
  return `${file.change === 'added' ? '+' : '-'} ${path}`;
}

function fileWords({ change, aspects }: FileChange): string {
  return change === 'changed' ? aspects.map(aspectWords).join(', ') : change;
}

function aspectWords({ aspect, before, after }: Aspect): string {
  if (aspect === 'sha256') return 'content';
  return `${aspect} ${before === '' ? 'none' : before} → ${after === '' ? 'none' : after}`;
}

/** Content of a report. */
interface Shown {
  before: string;
  after: string;
  remarks: readonly string[];
  sections: readonly Section[];
}

function asText({ remarks, sections }: Shown): string {
  const blocks = sections.map(({ title, lines }) =>
    [`${title}:`, ...lines.map((line) => `  ${line}`)].map(makePrintable).join('\n'),
  );
  const shown = blocks.length === 0 ? ['They are the same.'] : blocks;
  return [...(remarks.length === 0 ? [] : [remarks.map(makePrintable).join('\n')]), ...shown].join(
    '\n\n',
  );
}

function asMarkdown({ before, after, remarks, sections }: Shown): string {
  const tables = sections.map(({ title, head, rows }) => {
    const more = rows.length - MOST_ROWS;
    return [
      `<details><summary>${title}: ${rows.length}</summary>\n`,
      formatMarkdownTable([head, ...rows.slice(0, MOST_ROWS)]),
      ...(more > 0 ? [`\nand ${more} more`] : []),
      '\n</details>',
    ].join('\n');
  });
  return [
    `### ${escapeMarkdown(before)} → ${escapeMarkdown(after)}`,
    ...remarks.map(escapeMarkdown),
    ...(tables.length === 0 ? ['They are the same.'] : tables),
  ].join('\n\n');
}
