import { expect, test } from 'vitest';
import {
  createChoiceField,
  createSecretField,
  createTextField,
} from '../../../../../apps/console/kit/field.ts';
import {
  type Filling,
  fill,
  findComplaint,
  openForm,
} from '../../../../../apps/console/kit/form.ts';
import { drawForm } from '../../../../../apps/console/kit/form-view.ts';
import type { Key, KeyName } from '../../../../../apps/console/kit/keys.ts';

type Name = 'name' | 'secret' | 'size';

const FIELDS = [
  createTextField<Name>({
    name: 'name',
    label: 'Name',
    hint: 'letters',
    problem: ({ name }) => (/^[a-z]+$/.test(name) ? null : 'Letters only.'),
  }),
  createSecretField<Name>({ name: 'secret', label: 'Secret', hint: '', problem: () => null }),
  createChoiceField<Name>({
    name: 'size',
    label: 'Size',
    choices: [
      { value: 's', label: 'small' },
      { value: 'l', label: 'large' },
    ],
  }),
] as const;

const start = () => openForm<Name>(FIELDS, { name: '', secret: '', size: 's' });
const toKey = (press: string | { key: KeyName }): Key[] =>
  typeof press === 'string'
    ? [...press].map((character) => ({ name: 'character', character }))
    : [{ name: press.key }];

/** Presses keys: texts character by character. */
function press(...presses: (string | { key: KeyName })[]): Filling<Name> {
  let filling: Filling<Name> = { form: start(), submitted: false };
  for (const key of presses.flatMap(toKey)) filling = fill(filling.form, FIELDS, key);
  return filling;
}

const seen = ({ form }: Filling<Name>) =>
  drawForm(form, FIELDS, 80).lines.map((line) => line.map(({ text }) => text).join(''));

test('typed text is inserted at the cursor', () => {
  const typed = press('bd', { key: 'left' }, 'c', { key: 'home' }, 'a', { key: 'end' }, 'e');
  expect(typed.form.values.name).toBe('abcde');
  const erased = press('abc', { key: 'backspace' }, { key: 'home' }, { key: 'delete' });
  expect(erased.form.values.name).toBe('b');
});

test('a character outside the Basic Multilingual Plane is moved over and removed as a whole', () => {
  const left = { key: 'left' } as const;
  expect(press('a😀b', left, left, 'c').form.values.name).toBe('ac😀b');
  expect(press('a😀b', left, { key: 'backspace' }).form.values.name).toBe('ab');
  expect(press('a😀b', { key: 'home' }, { key: 'right' }, { key: 'delete' }).form.values.name).toBe(
    'ab',
  );
  expect(drawForm(press('😀b').form, FIELDS, 80).cursor).toEqual(
    drawForm(press('ab').form, FIELDS, 80).cursor,
  );
});

test('an empty field is no mistake until the form is sent, which focuses the first mistake', () => {
  const [field] = FIELDS;
  const empty = press({ key: 'tab' });
  expect(findComplaint(empty.form, field)).toBeNull();
  const sent = press({ key: 'tab' }, { key: 'enter' });
  expect(sent).toMatchObject({ submitted: false, form: { focus: 0 } });
  expect(findComplaint(sent.form, field)).toBe('Letters only.');
});

test('a mistake is reported while it is typed, in place of the hint', () => {
  expect(seen(press())[1]).toMatch(/letters/);
  expect(seen(press('a1'))[1]).toMatch(/! Letters only\./);
});

test('Enter sends a form without mistakes', () => {
  expect(press('abc', { key: 'enter' }).submitted).toBe(true);
});

test('the focus moves through the fields in a circle, both ways', () => {
  expect(press({ key: 'tab' }, { key: 'down' }, { key: 'tab' }).form.focus).toBe(0);
  expect(press({ key: 'backtab' }).form.focus).toBe(2);
  expect(press({ key: 'up' }, { key: 'up' }).form.focus).toBe(1);
});

test('a choice is changed by Space and arrows, and ignores other keys', () => {
  const at = { key: 'backtab' } as const;
  expect(press(at, ' ').form.values.size).toBe('l');
  expect(press(at, { key: 'left' }).form.values.size).toBe('l');
  expect(press(at, { key: 'right' }, { key: 'right' }).form.values.size).toBe('s');
  expect(press(at, 'x').form.values.size).toBe('s');
});

test('a secret is never shown', () => {
  const screen = seen(press({ key: 'tab' }, 'hidden')).join('\n');
  expect(screen).toContain('******');
  expect(screen).not.toContain('hidden');
});

test('a field accepts 128 characters, and shows the part around the cursor', () => {
  const filling = press(`${'a'.repeat(127)}zzz`);
  expect(filling.form.values.name).toHaveLength(128);
  expect(seen(filling)[0]).toMatch(/\[a+z *\]$/);
  expect(drawForm(filling.form, FIELDS, 80).cursor?.column).toBeLessThan(80);
});
