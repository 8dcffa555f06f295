/** Names of capabilities by number, without `cap_` (Linux, include/uapi/linux/capability.h). */
const NAMES = (
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service ' +
  'net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin ' +
  'sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override ' +
  'mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore'
).split(' ');

/** Revisions whose sets have two words (`VFS_CAP_REVISION_2`, `VFS_CAP_REVISION_3`), and the effective flag. */
const [REVISION_2, REVISION_3, EFFECTIVE] = [0x0200_0000, 0x0300_0000, 0x01];

/**
 * Describes the capabilities of a file, from its attribute `security.capability` (capabilities(7); struct
 * `vfs_cap_data`): `net_raw (permitted, effective)`.
 * @param hex the attribute's value
 * @returns `undefined` if the format is unknown
 */
export function describeCapabilities(hex: string): string | undefined {
  const bytes = Buffer.from(hex, 'hex');
  if (bytes.length < 20) return undefined;
  const head = bytes.readUInt32LE(0);
  const revision = head & ~EFFECTIVE;
  const hasOwner = revision === REVISION_3 && bytes.length === 24;
  if (!hasOwner && (revision !== REVISION_2 || bytes.length !== 20)) return undefined;
  const [permitted, inheritable] = [0, 4].map((at) => namesOf(bytes, 4 + at));
  const sets = [
    [permitted, (head & EFFECTIVE) === 0 ? 'permitted' : 'permitted, effective'],
    [inheritable, 'inheritable'],
  ];
  const shown = sets.flatMap(([names, set]) => (names === '' ? [] : [`${names} (${set})`]));
  const owner = hasOwner ? [`for root of user namespaces of ${bytes.readUInt32LE(20)}`] : [];
  return [...(shown.length === 0 ? ['none'] : shown), ...owner].join(', ');
}

/** Names the bits of a set: its lower word is at `at`, its upper one eight bytes later. */
function namesOf(bytes: Buffer, at: number): string {
  const set = BigInt(bytes.readUInt32LE(at)) | (BigInt(bytes.readUInt32LE(at + 8)) << 32n);
  const numbers = Array.from({ length: 64 }, (_, number) => number);
  const present = numbers.filter((number) => ((set >> BigInt(number)) & 1n) === 1n);
  return present.map((number) => NAMES[number] ?? `capability ${number}`).join(' ');
}
