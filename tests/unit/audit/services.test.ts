// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the texts are for a shell and a loader
import { describe, expect, test } from 'vitest';
import { parseService } from '../../../build/audit/openrc/service.ts';
import { directory, file, program, symlink } from '../tree/trees.ts';
import { audited } from './findings.ts';

const openrc = program('sbin/openrc-run', 'openrc');
const service = (name: string, text: string) =>
  program(`etc/init.d/${name}`, `#!/sbin/openrc-run\n${text}`);
const parse = (script: string, configuration = '', name = 'svc') =>
  parseService({ name, script, configuration });

describe('a service in the tree', () => {
  test('is sound if its program and what it needs are there', () => {
    expect(
      audited([
        openrc,
        service('net', 'command=/bin/sh\ndepend() {\n\tneed localmount dev\n}\n'),
        service('localmount', 'depend() {\n\tprovide dev\n}\n'),
        service('by-name', 'command="sh"\n'),
        symlink('etc/runlevels/boot/net', '/etc/init.d/net'),
        directory('etc/runlevels/default/boot'),
        file('etc/init.d/README', 'need nothing'),
        symlink('etc/init.d/net.eth0', 'net'),
      ]),
    ).toEqual([]);
  });

  test('whose program is missing is found', () => {
    const script = 'command="/usr/sbin/${RC_SVCNAME}"\n';
    expect(audited([openrc, service('sshd', script)])).toEqual([
      'service: etc/init.d/sshd runs /usr/sbin/sshd, which is missing',
    ]);
  });

  test('that needs one that does not exist, or is not executable, is found', () => {
    const script = { ...service('a', 'depend() { need b c; }\n'), mode: 0o644 };
    expect(audited([openrc, script, service('c', '')])).toEqual([
      'service: etc/init.d/a is not executable',
      'service: etc/init.d/a needs the service b, which does not exist',
    ]);
  });

  test('that is enabled but does not exist is found, once', () => {
    expect(audited([symlink('etc/runlevels/default/nginx', '/etc/init.d/nginx')])).toEqual([
      'service: etc/runlevels/default/nginx enables the service nginx, which does not exist',
    ]);
  });
});

describe('of a service script', () => {
  test.each([
    ['command=/usr/sbin/sshd', '/usr/sbin/sshd'],
    ['command="/usr/sbin/sshd" # the daemon', '/usr/sbin/sshd'],
    ["command='/usr/sbin/sshd'", '/usr/sbin/sshd'],
    ['dir=/usr/sbin\ncommand="$dir/${RC_SVCNAME}d"', '/usr/sbin/svcd'],
    ['command="${SSHD:-/usr/sbin/sshd}"', '/usr/sbin/sshd'],
    [': ${command:=/usr/sbin/sshd}', '/usr/sbin/sshd'],
    [': "${dir:=/opt}"\ncommand=$dir/x', '/opt/x'],
    ['start() {\n\tcommand_args=x\n}\ncommand=/a', '/a'],
  ])('the command of %j is %s', (script, command) => {
    expect(parse(script).command).toBe(command);
  });

  test.each([
    [''],
    ['command=$(which sshd)'],
    ['command="`which sshd`"'],
    ['command="$unknown/sshd"'],
    ['command=/a\nif true; then\n\tcommand=/b\nfi'],
    ['command=/a\nstart_pre() {\n  command=/b\n}'],
    ['command="/a\nb"'],
    ['command=/usr/*/x'],
    ['#command=/a'],
    ['command="${x%y}/a"'],
  ])('the command of %j is not guessed', (script) => {
    expect(parse(script).command).toBeUndefined();
  });

  test('configuration is read first', () => {
    expect(parse(': ${command:=/a}', 'command=/b').command).toBe('/b');
    expect(parse('depend() {\n need net\n}', 'rc_need="mount"\nrc_provide=x')).toMatchObject({
      needs: ['net', 'mount'],
      provides: ['x'],
    });
  });

  test.each([
    ['depend() {\n\tneed a b \\\n\t\tc\n\tuse d\n\tprovide e\n}', ['a', 'b', 'c'], ['e']],
    ['depend()\n{\n  need a # b\n  # need c\n}\nstart() {\n  need d\n}', ['a'], []],
    ['depend() { need a; provide b; }\nneed c', ['a'], ['b']],
    ['x=a\ndepend() {\n  need $x ${RC_SVCNAME}-mount $y\n}', ['a', 'svc-mount'], []],
    ['depend() {\n  if true; then\n    need a\n  fi\n  need b\n}', ['b'], []],
    [
      'depend() {\n  case $x in\n  a) need a ;;\n  esac\n  [ -e x ] && need c\n  need b\n}',
      ['b'],
      [],
    ],
    ['depend() {\n  [ -e x ] || need c\n  after *\n  need net -x\n}', ['net'], []],
  ])('needs and provides of %j are taken where certain', (script, needs, provides) => {
    expect(parse(script)).toMatchObject({ needs, provides });
  });

  test.each([
    ['depend() {'],
    ['}\n}\n{'],
    ['depend() {\n fi\n esac\n need x\n'],
    ['\0'.repeat(1000)],
    [`command="${'${a'.repeat(5000)}`],
    [`x=aa\ny=${'$x'.repeat(400_000)}\n${'x=$x$x\n'.repeat(20)}z=${'$x'.repeat(400_000)}`],
    [`x=aa\n${'x=$x$x\n'.repeat(200)}command=$x`],
  ])('hostile text is read without harm: %#', (script) => {
    expect(parse(script).provides).toEqual([]);
  });
});
