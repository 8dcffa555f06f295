import { ENVIRONMENT_PATH } from '../disk/boot-state.ts';
import { PARTITION_NUMBERS, type Slot } from '../disk/layout.ts';
import { CORE_MODULES, checkWord, formatEntry, quoteWord, TERMINALS } from './grub-config.ts';
import type { SlotMenu } from './grub-model.ts';

/** GRUB modules for an installed disk. All are in the core image; none is loaded from the disk. */
export const DISK_MODULES = [...CORE_MODULES, 'loadenv', 'probe'] as const;

/** Path on a medium of the file with the medium's entries for the menu of an installed disk. */
export const SLOT_CONFIG_PATH = '/boot/grub/slot.cfg';

const { a, b, configuration, data } = PARTITION_NUMBERS;

/**
 * Returns the `grub.cfg` of an installed disk. It is the same for all versions, because updates do not change it. Three
 * variables, `good`, `try` and `left`, decide which slot is booted: the slot on trial while it has boots left (the
 * decremented count is saved before each boot), else the good slot; if the good slot has no image, the other slot. Then
 * each slot that has an image adds its entries to the menu: the slot's `slot.cfg` is sourced twice, with
 * - `root`: the slot's partition in GRUB's notation,
 * - `slot`: `a` or `b`, and `slot_name`, the same in upper case,
 * - `slot_entries`: `first` for the default entry, `more` for the others,
 * - `slot_parameters`: kernel parameters for this disk, including `NAMESPACE.trial` if this boot is a counted trial.
 *
 * Partitions are addressed by number and never searched for: another disk, or a guest's, may have the same files.
 * @param namespace first part of the names of the appliance's own kernel parameters
 */
export function formatDiskConfig(namespace: string): string {
  return `${DISK_CONFIG_HEAD}${TERMINALS.join('\n')}
regexp --set=1:disk "^([^,]*)" "$root"
set efi="$root"
set good=a
set try=-
set left=0
load_env --file "($efi)${ENVIRONMENT_PATH}" good try left
if regexp '^[ab],[ab-],[0-3]$' "$good,$try,$left"; then
  set sound=yes
else
  set good=a
  set try=-
fi
if [ -f "($disk,gpt${a})${SLOT_CONFIG_PATH}" ]; then set has_a=yes; fi
if [ -f "($disk,gpt${b})${SLOT_CONFIG_PATH}" ]; then set has_b=yes; fi
set chosen=$good
set next=
if [ "$try" = a -a "$has_a" = yes -o "$try" = b -a "$has_b" = yes ]; then
  if [ "$left" = 3 ]; then set next=2; fi
  if [ "$left" = 2 ]; then set next=1; fi
  if [ "$left" = 1 ]; then set next=0; fi
fi
if [ -n "$next" ]; then
  set left=$next
  if save_env --file "($efi)${ENVIRONMENT_PATH}" good try left; then
    set chosen=$try
    set on_trial=$try
  fi
fi
if [ "$chosen" = a -a "$has_a" != yes ]; then set chosen=b; fi
if [ "$chosen" = b -a "$has_b" != yes ]; then set chosen=a; fi

set of_disk=
if probe --set=uuid --part-uuid "($disk,gpt${configuration})"; then
  set of_disk="${namespace}.config=PARTUUID=$uuid"
fi
if probe --set=uuid --part-uuid "($disk,gpt${data})"; then
  set of_disk="$of_disk ${namespace}.data=PARTUUID=$uuid"
fi
${offer('a', a, namespace)}${offer('b', b, namespace)}for slot_entries in first more; do
  if [ "$chosen" = a ]; then offer_a; offer_b; else offer_b; offer_a; fi
done
set root="$efi"
set default=0
set fallback=1
set timeout=3
if [ "$has_a" != yes -a "$has_b" != yes ]; then
  set timeout=-1
  menuentry 'There is no system on this disk: boot the medium that installs it' {
    reboot
  }
fi
menuentry 'Restart' --id restart {
  reboot
}
menuentry 'Power off' --id poweroff {
  halt
}
`;
}

/** Returns a function of GRUB's shell that lets a slot add its entries to the menu if the slot has an image. */
function offer(slot: Slot, partition: number, namespace: string): string {
  return `function offer_${slot} {
  if [ "$has_${slot}" != yes ]; then return; fi
  set slot=${slot}
  set slot_name=${slot.toUpperCase()}
  set root="$disk,gpt${partition}"
  probe --set=uuid --part-uuid "($root)"
  set slot_parameters="${namespace}.slot=${slot} ${namespace}.medium=PARTUUID=$uuid $of_disk"
  if [ "$on_trial" = ${slot} ]; then set slot_parameters="$slot_parameters ${namespace}.trial"; fi
  source ${SLOT_CONFIG_PATH}
}
`;
}

const DISK_CONFIG_HEAD = `# The same for all versions: what belongs to a version is in ${SLOT_CONFIG_PATH} of its slot.
`;

/** Returns the `slot.cfg` of a medium: its entries in the menu of an installed disk; see `formatDiskConfig`. */
export function formatSlotConfig({ first, more }: SlotMenu): string {
  return [
    'if [ "$slot_entries" = first ]; then',
    ...formatEntry(slotEntry(first)),
    'else',
    ...more.flatMap((entry) => formatEntry(slotEntry(entry))),
    'fi',
    '',
  ].join('\n');
}

function slotEntry({ id, title, remark, kernel, initramfs, cmdline }: SlotMenu['first']) {
  // The title is the first argument.
  return {
    head: `${quoteWord(`${title}, slot `)}"$slot_name"${remark === '' ? '' : quoteWord(` ${remark}`)}`,
    options: `--id "$slot${id === '' ? '' : `-${checkWord(id)}`}" "$root" "$slot_parameters"`,
    body: [
      'set root="$2"',
      `linux ${checkWord(kernel)} ${cmdline.map(checkWord).join(' ')} $3`,
      `initrd ${checkWord(initramfs)}`,
    ],
  };
}
