/** Scripts of packages: the same ones as in Alpine. None may ever run: each would leave a trace and fail. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  'alpine-baselayout': ['pre-install', 'post-install', 'pre-upgrade', 'post-upgrade'],
  bash: ['post-install', 'post-upgrade', 'pre-deinstall'],
  busybox: ['post-install', 'post-upgrade', 'trigger'],
  chrony: ['post-upgrade'],
  dbus: ['pre-install', 'post-install', 'trigger'],
  libvirt: ['post-install'],
  mkinitfs: ['pre-upgrade', 'post-install', 'post-upgrade', 'trigger'],
  openrc: ['post-install', 'post-upgrade'],
  redis: ['pre-install', 'post-install'],
};

/** Folders whose change runs the `trigger` of a package. */
const TRIGGERS: Readonly<Record<string, readonly string[]>> = {
  busybox: ['/bin', '/usr/bin', '/sbin', '/usr/sbin', '/lib/modules/*'],
  dbus: ['/usr/share/dbus-1/system-services'],
  mkinitfs: ['/lib/modules/*'],
};

/** The scripts of a package and what triggers them; nothing if it has none. */
export function scriptsOf(name: string) {
  const names = NAMES[name];
  if (names === undefined) return {};
  const scripts = Object.fromEntries(names.map((script) => [script, refusal(name, script)]));
  const triggers = TRIGGERS[name];
  return triggers === undefined ? { scripts } : { scripts, triggers };
}

function refusal(name: string, script: string): string {
  return `#!/bin/sh\necho "${name}.${script}" >>/script-was-run\nexit 1\n`;
}
