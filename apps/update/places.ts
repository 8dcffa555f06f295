/** Where an appliance has what updates need. */
export const PLACES = {
  /** In which proc, sys, dev, etc and run are. */
  root: '/',
  /** What restarts the machine. */
  restart: '/sbin/reboot',
  /** What outlives a restart. */
  configuration: '/quantix',
  /** Public keys, `NAME.pem`, that releases may be signed with. */
  keys: '/usr/share/quantix/release-keys',
  /** The agent's folder, with the mark of maintenance. */
  node: '/quantix/node',
  /** Says that the boot is judged: a guard that waits for it ends. */
  settled: '/run/quantix/update/settled',
  /** Seconds since the start of the kernel by which it is judged, else that guard restarts the machine. */
  deadline: '/run/quantix/update/deadline',
};

export type Places = typeof PLACES;
