import { listBusyboxApplets } from '../../elf/busybox.ts';
import { BuildError } from '../../error.ts';
import type { Entry } from '../../tree/entry.ts';
import type { Tree } from '../../tree/tree.ts';
import { generateLink } from './generated.ts';

/** Folders of programs; an applet is left out if one of them has a program of the same name. */
const PROGRAM_FOLDERS = ['usr/bin', 'usr/sbin', 'bin', 'sbin'];

/** Applets that are linked in `/usr/sbin`: those for the administrator and for booting. */
const ADMINISTRATION = new Set(
  (
    'acpid adjtimex arp blkid blockdev bootchartd chpasswd depmod dhcprelay fbsplash fdisk findfs freeramdisk ' +
    'fsck fsfreeze fstrim getty halt hdparm hwclock ifconfig ifdown ifup init insmod ip ipaddr iplink ipneigh ' +
    'iproute iprule iptunnel klogd loadkmap logread losetup lsmod makedevs mdev mkdosfs mke2fs mkfs.ext2 ' +
    'mkfs.vfat mkswap modinfo modprobe nameif pivot_root poweroff raidautorun reboot rmmod route run-init ' +
    'runlevel setconsole slattach start-stop-daemon sulogin swapoff swapon switch_root sysctl syslogd tunctl ' +
    'udhcpc udhcpc6 udhcpd uevent vconfig watchdog zcip'
  ).split(' '),
);

/**
 * Lists the applets of the busybox in a tree.
 * @param from the package that should contain it, for the message
 * @throws BuildError if there is no busybox
 */
export function listApplets(tree: Tree, from: string): string[] {
  const file = tree.file('bin/busybox');
  if (file !== undefined) return listBusyboxApplets(tree.bytes(file));
  throw new BuildError({
    what: 'there is no /bin/busybox',
    fix: `Add ${from} to the packages of the profile.`,
  });
}

/**
 * Links busybox's applets, except those for which the tree has a program of that name.
 * @param applets names of the applets of the busybox in the tree
 */
export function makeAppletLinks(tree: Tree, applets: readonly string[]): Entry[] {
  return applets
    .filter(
      (name) => name !== 'busybox' && PROGRAM_FOLDERS.every((folder) => !has(tree, folder, name)),
    )
    .map((name) => {
      const folder = ADMINISTRATION.has(name) ? 'usr/sbin' : 'usr/bin';
      return generateLink(`${folder}/${name}`, '/bin/busybox');
    });
}

function has(tree: Tree, folder: string, name: string): boolean {
  const directory = tree.canonical(folder);
  return directory !== undefined && tree.at(`${directory}/${name}`) !== undefined;
}
