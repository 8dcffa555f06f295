import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { decodeBootState } from '../../../build/disk/boot-state.ts';
import { chooseSlot } from '../../../build/disk/choose-slot.ts';
import { formatDiskConfig } from '../../../build/image/grub-disk.ts';

/**
 * Returns the lines of `grub.cfg` that choose the slot, converted to shell, which sets variables and tests for files in
 * another way.
 */
function decision(): string {
  const text = formatDiskConfig('quantix');
  const lines = text.slice(text.indexOf('set good=a'), text.indexOf('set of_disk='));
  expect(lines).toContain('save_env');
  return lines.replace(/\bset (\w+=)/g, '$1').replace(/\[ -f ("[^"]*") \]/g, 'is_file $1');
}

/**
 * Runs the decision for each line of standard input: the values in the environment, the existing slots, and whether the
 * environment can be saved.
 */
const PLAY = `
# Between ^ and $, the expression has only brackets and commas, so it is also a pattern of the shell.
regexp() { p=\${1#^}; p=\${p%\\$}; case $2 in $p) true ;; *) false ;; esac; }
is_file() { case $1 in *gpt3*) test "$a" = 1 ;; *) test "$b" = 1 ;; esac; }
load_env() {
  if [ "$e_good" != . ]; then good=$e_good; fi
  if [ "$e_try" != . ]; then try=$e_try; fi
  if [ "$e_left" != . ]; then left=$e_left; fi
}
save_env() { if [ "$save" = 1 ]; then saved="$good,$try,$left"; else return 1; fi; }
while read -r e_good e_try e_left a b save; do
  has_a= has_b= saved= disk=hd0 efi=hd0,gpt2
  ${decision()}
  case $chosen in a) there=$has_a ;; *) there=$has_b ;; esac
  if [ "$there" != yes ]; then chosen=none; fi
  echo "$chosen \${saved:-unchanged}"
done
`;

test('the grub.cfg of an installed disk chooses the same slot as chooseSlot, for any environment', () => {
  const cases: { state: string[]; a: boolean; b: boolean; save: boolean }[] = [];
  for (const good of ['a', 'b', 'c', '.']) {
    for (const trial of ['-', 'a', 'b', 'ab', '.']) {
      for (const left of ['0', '1', '2', '3', '4', '-1', '.']) {
        for (const number of [0, 1, 2, 3, 4, 5, 6, 7]) {
          const [a, b, save] = [1, 2, 4].map((bit) => (number & bit) !== 0);
          cases.push({
            state: [good, trial, left],
            a: a === true,
            b: b === true,
            save: save === true,
          });
        }
      }
    }
  }
  const input = cases
    .map(({ state, a, b, save }) => [...state, ...[a, b, save].map(Number)].join(' '))
    .join('\n');
  const played = execFileSync('sh', ['-c', PLAY], { input: `${input}\n`, encoding: 'utf8' });
  const modelled = cases.map(({ state, a, b, save }) => {
    const names = ['good', 'try', 'left'];
    const variables = state.flatMap((value, index) =>
      value === '.' ? [] : [`${names[index]}=${value}\n`],
    );
    const block = `# GRUB Environment Block\n${variables.join('')}`.padEnd(1024, '#');
    const before = decodeBootState(Buffer.from(block));
    const { slot, state: after } = chooseSlot(before, { a, b }, save);
    const changed = after !== undefined && after.left !== before?.left;
    const saved = changed ? `${after.good},${after.trial ?? '-'},${after.left}` : 'unchanged';
    return `${slot ?? 'none'} ${saved}`;
  });
  expect(played.trim().split('\n')).toEqual(modelled);
  expect(cases).toHaveLength(1120);
});
