// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are for a shell
import { expect, test } from 'vitest';
import { isServiceScript, listNames, parseService } from '../../../build/openrc/service.ts';

test('the lines of depend() are read in order, without comments and other functions', () => {
  const service = parseService(
    'a',
    'start() {\n\tneed nothing\n}\ndepend() {\n\tneed net  dev\n\t# a remark\n\n\tkeyword -stop\n  provide x\n  need y\n}',
  );
  expect(service.dependencies).toEqual([
    { verb: 'need', names: ['net', 'dev'] },
    { verb: 'keyword', names: ['-stop'] },
    { verb: 'provide', names: ['x'] },
    { verb: 'need', names: ['y'] },
  ]);
  expect(listNames('need', service)).toEqual(['net', 'dev', 'y']);
  expect(listNames('want', service)).toEqual([]);
});

test.each([
  ['#!/sbin/openrc-run\n', true],
  ['#! /usr/bin/env openrc-run\nx', true],
  ['#!/bin/sh\n# openrc-run\n', false],
  ['', false],
])('whether %j is a service script: %s', (text, expected) => {
  expect(isServiceScript(text)).toBe(expected);
});

test.each([
  ['\tneed $net', 'need $net'],
  ['\t[ -e /x ] && need net', '[ -e /x ] && need net'],
  ['\tneed $(cat /x)', 'need $(cat /x)'],
  ['\tafter *', 'after *'],
  ['\trequire net', 'require net'],
  ['\tneed', 'need'],
  ['\tneed net; use dns', 'need net; use dns'],
  ["\tneed 'net'", "need 'net'"],
])('a depend() with %j is refused, and the error names the service', (line, shown) => {
  expect(() => parseService('net', `depend() {\n${line}\n}\n`)).toThrow(
    `depend() holds ${JSON.stringify(shown)}, whose result only running it would show (/etc/init.d/net)`,
  );
});

test.each([
  ['on one line', 'depend() { need net; }\n'],
  ['in another style', 'depend()\n{\n\tneed net\n}\n'],
  ['that never ends', 'depend() {\n\tneed net\n'],
  ['with blanks', 'depend () {\n\tneed net\n}\n'],
  ['as ksh writes it', 'function depend {\n\tneed net\n}\n'],
])('a depend() %s is refused, because part of it would be lost', (_, text) => {
  expect(() => parseService('net', text)).toThrow(/depend\(\) .*\(\/etc\/init\.d\/net\)/);
});

test.each([
  ['command=/usr/sbin/sshd', '/usr/sbin/sshd'],
  ['command="/usr/sbin/sshd" # the daemon', '/usr/sbin/sshd'],
  ["command='sshd'", 'sshd'],
  ['start() {\n\tcommand_args=x\n}\ncommand=/a', '/a'],
])('the command of %j is %s', (script, command) => {
  expect(parseService('svc', script).command).toBe(command);
});

test.each([
  [''],
  ['command=$(which sshd)'],
  ['command="`which sshd`"'],
  ['command="$unknown/sshd"'],
  ['command="/a\nb"'],
  ['command=/usr/*/x'],
  ['#command=/a'],
  ['\tcommand=/a'],
  ['command="${x%y}/a"'],
])('%j has no command that can be known', (script) => {
  expect(parseService('svc', script).command).toBeUndefined();
});
