import { BuildError } from '../../error.ts';
import { parseNetworkFile } from './network-file.ts';

/** The requested content of a config drive; everything is optional. */
export interface ConfigDriveRequest {
  hostname?: string | undefined;
  /** Interface for the address or the WiFi; the first physical one if absent. */
  interface?: string | undefined;
  /** `ADDRESS/PREFIX`. */
  address?: string | undefined;
  gateway?: string | undefined;
  /** Comma-separated list. */
  dns?: string | undefined;
  ssid?: string | undefined;
  psk?: string | undefined;
  /** Files for `network/`: name → text. */
  networkFiles?: Readonly<Record<string, string>>;
  /** Text of an `authorized_keys` file (sshd(8)). */
  authorizedKeys?: string | undefined;
  /** Whether SSH starts at boot; without it, the keys are stored but SSH stays off. */
  ssh?: boolean | undefined;
  /** Hash of root's password for the consoles, as printed by `openssl passwd -6`. */
  passwordHash?: string | undefined;
  /** Control plane that the host joins at boot: `https://host`, and a token that it issued for this host. */
  controlPlane?: string | undefined;
  joinToken?: string | undefined;
}

/**
 * Plans the files of a config drive: path → text. Each file is checked by the rules of the program that reads it.
 * @throws BuildError for the first mistake, and if there is nothing to put on the drive
 */
export function planConfigDrive(request: ConfigDriveRequest): Record<string, string> {
  const files: Record<string, string> = {};
  if (request.hostname !== undefined) files['/hostname'] = hostnameFile(request.hostname);
  const text = networkText(request);
  if (text !== undefined) addNetworkFile(files, networkFileName(request.interface), text);
  for (const [name, text] of Object.entries(request.networkFiles ?? {})) {
    addNetworkFile(files, name, text);
  }
  if (request.authorizedKeys !== undefined) {
    files['/ssh/authorized_keys'] = authorizedKeysFile(request.authorizedKeys);
  }
  if (request.ssh === true) files['/ssh/enabled'] = sshEnabledFile(files);
  if (request.passwordHash !== undefined) files['/auth/shadow'] = shadowFile(request.passwordHash);
  const node = nodeFile(request);
  if (node !== undefined) files['/node/node.yaml'] = node;
  if (Object.keys(files).length > 0) return files;
  throw new BuildError({
    what: 'a config drive with nothing on it configures nothing',
    fix: 'Say what goes on it: --hostname, --address, --network, --authorized-keys.',
  });
}

function hostnameFile(name: string): string {
  if (/^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/.test(name)) return `${name}\n`;
  throw new BuildError({
    what: `${JSON.stringify(name)} is not a host name`,
    where: '--hostname',
    fix: 'Letters, digits and - between them, at most 63.',
  });
}

/** Converts the network arguments to lines `KEY=value`; returns `undefined` if there are no arguments. */
function networkText({ address, gateway, dns, ssid, psk }: ConfigDriveRequest): string | undefined {
  const [ip, prefix, ...rest] = address?.split('/') ?? [];
  if (address !== undefined && (prefix === undefined || rest.length > 0)) {
    throw new BuildError({
      what: `a static address is ADDRESS/PREFIX, not ${JSON.stringify(address)}`,
      where: '--address',
    });
  }
  const values = {
    IP_ADDRESS: ip,
    PREFIX: prefix,
    GATEWAY: gateway,
    DNS: dns,
    SSID: ssid,
    PSK: psk,
  };
  const lines = Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${value}`],
  );
  return lines.length === 0 ? undefined : `${lines.join('\n')}\n`;
}

function networkFileName(name: string | undefined): string {
  return name === undefined ? 'static.conf' : `${name}.conf`;
}

/** Adds `network/<interface>.conf`; checks that the name is a valid interface name. */
function addNetworkFile(files: Record<string, string>, name: string, text: string): void {
  if (!/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,14}\.conf$/.test(name)) {
    throw new BuildError({
      what: `${JSON.stringify(name)} is not the name of a network configuration`,
      fix: 'Name it by its interface, eth0.conf, or static.conf for the first one.',
    });
  }
  const path = `/network/${name}`;
  if (files[path] !== undefined) {
    throw new BuildError({ what: `network/${name} is there twice`, fix: 'Leave one of them out.' });
  }
  parseNetworkFile(text, `network/${name}`);
  files[path] = text;
}

/** Only the existence of this file matters, not its content. */
function sshEnabledFile(files: Readonly<Record<string, string>>): string {
  if (files['/ssh/authorized_keys'] !== undefined) return 'SSH comes up at boot\n';
  throw new BuildError({
    what: 'SSH without a key that may log in lets nobody in',
    where: '--ssh',
    fix: 'Give public keys too: --authorized-keys.',
  });
}

/**
 * Returns one line in the format of the appliances' password program: SHA-512 with the default rounds, which both bases
 * support (crypt(5)).
 */
function shadowFile(hash: string): string {
  if (/^\$6\$[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}$/.test(hash)) return `root:${hash}\n`;
  throw new BuildError({
    what: 'this is not a password hash',
    where: '--password-hash-file',
    fix: 'Write one with `openssl passwd -6`.',
  });
}

/** The file from which the agent joins a control plane; checked by the agent's own rules (docs/agent.md). */
function nodeFile({ controlPlane, joinToken }: ConfigDriveRequest): string | undefined {
  if (controlPlane === undefined && joinToken === undefined) return undefined;
  if (controlPlane === undefined || joinToken === undefined) {
    throw new BuildError({
      what: 'a host joins a control plane by its address and a token',
      fix: 'Give both: --control-plane, --join-token-file.',
    });
  }
  if (!/^https:\/\/[^/?#@\\\s]+\/?$/.test(controlPlane) || !URL.canParse(controlPlane)) {
    throw new BuildError({
      what: `${JSON.stringify(controlPlane)} is not the address of a control plane`,
      where: '--control-plane',
      fix: 'Write https://host or https://host:port.',
    });
  }
  if (!/^qxj1\.[A-Za-z0-9_-]{16,128}\.[0-9A-Fa-f]{64}$/.test(joinToken)) {
    throw new BuildError({
      what: 'this is not a join token: one looks like qxj1.SECRET.FINGERPRINT',
      where: '--join-token-file',
    });
  }
  return `controlPlane: ${controlPlane}\njoinToken: ${joinToken}\n`;
}

/** Accepts only public keys, one per line: everyone can read the medium, so a private key must not be on it. */
function authorizedKeysFile(text: string): string {
  const where = '--authorized-keys';
  if (text.includes('PRIVATE KEY')) {
    throw new BuildError({ what: 'this is a private key', where, fix: 'Give the .pub file.' });
  }
  const key = /(^|\s)(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+\s+AAAA[A-Za-z0-9+/=]+(\s|$)/;
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#') || (key.test(line) && !/[^ -~\t]/.test(line)))
      continue;
    throw new BuildError({ what: 'not a public key of OpenSSH', where: `${where}:${index + 1}` });
  }
  return `${text.replaceAll('\r\n', '\n').trimEnd()}\n`;
}
