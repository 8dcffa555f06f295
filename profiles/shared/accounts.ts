/**
 * Groups and users of both appliances; ids below 100 are those that Debian's and Alpine's packages are built with. The
 * group uucp, which owns OpenRC's `/run/lock`, has Alpine's id; in Debian that id belongs to another group.
 */

export const groups = {
  root: 0,
  daemon: 1,
  bin: 2,
  sys: 3,
  adm: 4,
  tty: 5,
  disk: 6,
  lp: 7,
  mail: 8,
  man: 12,
  uucp: 14,
  kmem: 15,
  dialout: 20,
  cdrom: 24,
  audio: 29,
  shadow: 42,
  utmp: 43,
  video: 44,
  staff: 50,
  input: 104,
  kvm: 105,
  messagebus: 110,
  sshd: 111,
  chrony: 112,
  nogroup: 65_534,
};

const NOLOGIN = '/usr/sbin/nologin';

export const users = {
  root: { uid: 0, group: 'root', comment: 'root', home: '/root', shell: '/bin/sh' },
  daemon: { uid: 1, group: 'daemon', comment: 'daemon', home: '/usr/sbin', shell: NOLOGIN },
  messagebus: {
    uid: 110,
    group: 'messagebus',
    comment: 'D-Bus',
    home: '/run/dbus',
    shell: NOLOGIN,
  },
  sshd: { uid: 111, group: 'sshd', comment: 'sshd', home: '/run/sshd', shell: NOLOGIN },
  chrony: {
    uid: 112,
    group: 'chrony',
    comment: 'chrony',
    home: '/var/lib/chrony',
    shell: NOLOGIN,
  },
  nobody: {
    uid: 65_534,
    group: 'nogroup',
    comment: 'nobody',
    home: '/nonexistent',
    shell: NOLOGIN,
  },
};
