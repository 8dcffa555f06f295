import type { ReadStream } from 'node:tty';

/** Characters that a terminal in raw mode sends for editing keys. */
const ENTER = ['\r', '\n'];
const GIVE_UP = ['\u{3}', '\u{4}'];
const BACKSPACE = ['\b', '\u{7f}'];
const KILL_LINE = '\u{15}';
const ESCAPE = '\u{1b}';

/**
 * Asks for a line on a terminal without showing it. Ctrl-C and Ctrl-D cancel.
 * @param question shown on standard error
 * @returns the line; `undefined` if it is empty or was cancelled
 */
export async function askSecret(
  question: string,
  input: ReadStream = process.stdin,
  output: NodeJS.WritableStream = process.stderr,
): Promise<string | undefined> {
  input.setRawMode(true);
  try {
    output.write(question);
    return await readLine(input);
  } finally {
    input.setRawMode(false);
    input.pause();
    output.write('\n');
  }
}

async function readLine(input: ReadStream): Promise<string | undefined> {
  let line: string[] = [];
  const isPartOfSequence = createSequenceFilter();
  for await (const piece of input.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    for (const key of String(piece)) {
      if (isPartOfSequence(key)) continue;
      if (ENTER.includes(key)) return line.length === 0 ? undefined : line.join('');
      if (GIVE_UP.includes(key)) return undefined;
      if (BACKSPACE.includes(key)) line.pop();
      else if (key === KILL_LINE) line = [];
      else if (!/\p{Cc}/u.test(key)) line.push(key);
    }
  }
  return undefined;
}

/**
 * Creates a function that recognizes the characters of keys such as arrows, which terminals send as sequences
 * (ECMA-48, 5.4: `ESC [`, parameters, and a final character; `ESC O` and one character), also if they arrive byte by
 * byte. The Linux console sends `ESC [ [` and one character for F1 to F5.
 */
function createSequenceFilter(): (character: string) => boolean {
  let state: 'text' | 'escape' | 'parameters' | 'last' = 'text';
  return (character) => {
    const before = state;
    state = 'text';
    if (/\p{Cc}/u.test(character)) {
      // Control characters end a sequence, and have their usual meaning.
      if (character === ESCAPE) state = 'escape';
      return character === ESCAPE;
    }
    switch (before) {
      case 'text':
        return false;
      case 'escape':
        if (character === '[') state = 'parameters';
        if (character === 'O') state = 'last';
        return state !== 'text';
      case 'parameters':
        if (character === '[') state = 'last';
        else if (/[ -?]/.test(character)) state = 'parameters';
        return true;
      case 'last':
        return true;
    }
  };
}
