/** Files and folders of an appliance that updates use. */
export const PLACES = {
  /** Folder that contains proc, sys, dev, etc and run. */
  root: '/',
  /** Program that restarts the machine. */
  restart: '/sbin/reboot',
  /** Folder of the configuration, which survives a restart. */
  configuration: '/quantix',
  /** Public keys, `NAME.pem`, with which releases may be signed. */
  keys: '/usr/share/quantix/release-keys',
  /** The agent's folder, with the mark of maintenance. */
  node: '/quantix/node',
  /** Exists once the running version is not, or no longer, on trial; this ends the guard. */
  settled: '/run/quantix/update/settled',
  /** Uptime in seconds at which the guard restarts the machine unless `settled` exists. */
  deadline: '/run/quantix/update/deadline',
};

export type Places = typeof PLACES;
