import { describe, expect, test } from 'vitest';
import { directory, file, program, symlink } from '../tree/trees.ts';
import { audited } from './findings.ts';

const openrc = program('sbin/openrc-run', 'openrc');
const service = (name: string, text: string) =>
  program(`etc/init.d/${name}`, `#!/sbin/openrc-run\n${text}`);

describe('a service in the tree', () => {
  test('passes if its program and the services that it needs exist', () => {
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

  test('whose program is missing is a finding', () => {
    const script = 'command="/usr/sbin/sshd"\n';
    expect(audited([openrc, service('sshd', script)])).toEqual([
      'service: etc/init.d/sshd runs /usr/sbin/sshd, which is missing',
    ]);
  });

  test('that needs a missing service, or is not executable, is a finding', () => {
    const script = { ...service('a', 'depend() {\n\tneed b c\n}\n'), mode: 0o644 };
    expect(audited([openrc, script, service('c', '')])).toEqual([
      'service: etc/init.d/a is not executable',
      'service: etc/init.d/a needs the service b, which does not exist',
    ]);
  });

  test('that is enabled but does not exist is one finding', () => {
    expect(audited([symlink('etc/runlevels/default/nginx', '/etc/init.d/nginx')])).toEqual([
      'service: etc/runlevels/default/nginx enables the service nginx, which does not exist',
    ]);
  });
});
