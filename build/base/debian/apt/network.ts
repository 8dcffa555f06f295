import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { getCACertificates } from 'node:tls';
import { addLogIn, type LogIn, readLogIns } from '../../../cache/log-ins.ts';
import { isExempt } from '../../../cache/proxy.ts';
import type { FindRoute, Route } from '../../../contract/route.ts';
import {
  type Environment,
  makeCallerEnvironment,
  selectProxyVariables,
} from '../../../process/environment.ts';
import { run } from '../../../process/run.ts';

/** The certificates that the host trusts, in the file of the package ca-certificates. */
const HOST_AUTHORITIES = '/etc/ssl/certs/ca-certificates.crt';

/** apt.conf settings that name a certificate; apt-transport-https(1). */
const CERTIFICATES = /^acquire::https?::(?:cainfo|sslcert|sslkey)(?:::.+)?$/;

/**
 * How the host's apt reaches servers: its proxies, trusted certificates, names and passwords. The builder's apt and the
 * builder's own downloads use the same settings. Of the host's apt configuration, only these settings and the sources
 * are used.
 */
export interface AptNetwork {
  /** Settings for the builder's apt: name in lower case → value. */
  settings: ReadonlyMap<string, string>;
  /** Hosts that are reached without a proxy, in the format of `no_proxy`. */
  exempt: string;
  findRoute: FindRoute;
  /** Returns an address with the name and password for its server. */
  addLogIn(address: string): string;
}

/**
 * Reads the network settings of the host's apt.
 * @param addresses archives to contact; a command that detects proxies (`Proxy-Auto-Detect`) is run for each
 * @throws BuildError if `apt-config` is missing or fails
 */
export async function readAptNetwork(
  addresses: readonly string[],
  signal?: AbortSignal,
): Promise<AptNetwork> {
  const caller = { env: makeCallerEnvironment(), signal };
  const text = await run('apt-config', ['dump', '--format', '%f=%v%n'], caller);
  const found = parseSettings(text);
  const detected = new Map<string, string>();
  for (const url of addresses.filter((one) => URL.canParse(one)).map((one) => new URL(one))) {
    if (!hasDetection(found, url)) continue;
    const said = await run('/usr/lib/apt/apt-helper', ['auto-detect-proxy', url.href], caller);
    const proxy = /^Using proxy '([^']*)'/m.exec(said)?.[1];
    if (proxy !== undefined) detected.set(`${scheme(url)}::proxy::${url.hostname}`, proxy);
  }
  const settings = new Map([...found, ...detected]);
  return deriveAptNetwork({
    settings,
    addresses,
    environment: process.env,
    logIns: logInsOf(found),
  });
}

/** Parses the output of `apt-config dump`: name in lower case → value. */
export function parseSettings(text: string): Map<string, string> {
  const pairs = text.split('\n').flatMap((line) => {
    const [, name, value] = /^([^=]+)=(.+)$/.exec(line) ?? [];
    return name === undefined || value === undefined ? [] : [[name.toLowerCase(), value] as const];
  });
  return new Map(pairs);
}

/** Input of `deriveAptNetwork`. */
export interface NetworkFacts {
  /** The host's apt configuration: name in lower case → value. */
  settings: ReadonlyMap<string, string>;
  /** Archives to contact. */
  addresses: readonly string[];
  environment: Environment;
  logIns: { file: string; folder: string; entries: readonly LogIn[] };
}

/** Derives the network settings of a host; see `AptNetwork`. */
export function deriveAptNetwork({
  settings,
  addresses,
  environment,
  logIns,
}: NetworkFacts): AptNetwork {
  const variables = selectProxyVariables(environment);
  const proxyOf = (url: URL): string | undefined => {
    if (isExempt(url, variables.no_proxy)) return undefined;
    const chosen =
      setting(settings, url, `proxy::${url.hostname}`) ?? setting(settings, url, 'proxy');
    if (chosen?.toUpperCase() === 'DIRECT') return undefined;
    return chosen ?? (url.protocol === 'https:' ? variables.https_proxy : variables.http_proxy);
  };
  const own = new Map([
    ...[...settings].filter(([name]) => CERTIFICATES.test(name)),
    ['dir::etc::netrc', logIns.file] as const,
    ['dir::etc::netrcparts', logIns.folder] as const,
    ...proxySettings(addresses, proxyOf),
  ]);
  return {
    settings: own,
    exempt: variables.no_proxy ?? '',
    addLogIn: (address) => addLogIn(address, logIns.entries),
    findRoute: (url) => {
      const proxy = proxyOf(url);
      return {
        proxy: proxy && addLogIn(proxy, logIns.entries),
        ...(url.protocol === 'https:' ? certificates(settings, url) : {}),
      };
    },
  };
}

/** Sets the proxy of every archive, and a default one for servers that archives redirect to. */
function* proxySettings(
  addresses: readonly string[],
  proxyOf: (url: URL) => string | undefined,
): Generator<readonly [string, string]> {
  for (const address of ['http://redirected.invalid', 'https://redirected.invalid']) {
    const url = new URL(address);
    yield [`${scheme(url)}::proxy`, proxyOf(url) ?? 'DIRECT'];
  }
  for (const address of addresses.filter((one) => /^https?:/.test(one) && URL.canParse(one))) {
    const url = new URL(address);
    // apt splits the names of settings at `::`, which IPv6 addresses may contain.
    if (url.hostname.startsWith('[')) continue;
    yield [`${scheme(url)}::proxy::${url.hostname}`, proxyOf(url) ?? 'DIRECT'];
  }
}

function scheme(url: URL): string {
  return `acquire::${url.protocol.slice(0, -1)}`;
}

/** Returns a setting for an address; settings for http apply to https too, unless https has its own. */
function setting(
  settings: ReadonlyMap<string, string>,
  url: URL,
  name: string,
): string | undefined {
  const plain = settings.get(`acquire::http::${name}`);
  return url.protocol === 'https:' ? (settings.get(`acquire::https::${name}`) ?? plain) : plain;
}

function hasDetection(settings: ReadonlyMap<string, string>, url: URL): boolean {
  if (setting(settings, url, `proxy::${url.hostname}`) !== undefined) return false;
  return ['proxy-auto-detect', 'proxyautodetect'].some(
    (name) => setting(settings, url, name) !== undefined,
  );
}

function certificates(settings: ReadonlyMap<string, string>, url: URL): Route {
  const file = (name: string) => {
    const path = setting(settings, url, `${name}::${url.hostname}`) ?? setting(settings, url, name);
    return path === undefined ? undefined : readFileSync(path, 'utf8');
  };
  const [own, certificate, key] = [file('cainfo'), file('sslcert'), file('sslkey')];
  return {
    authorities: own === undefined ? hostAuthorities() : [own],
    ...(certificate !== undefined && { certificate: { certificate, key: key ?? certificate } }),
  };
}

/** Returns the certificates that Node trusts, and those that the host trusts. */
function hostAuthorities(): string[] {
  const host = existsSync(HOST_AUTHORITIES) ? [readFileSync(HOST_AUTHORITIES, 'utf8')] : [];
  return [...getCACertificates('default'), ...host];
}

function logInsOf(settings: ReadonlyMap<string, string>): NetworkFacts['logIns'] {
  const path = (name: string, usual: string) =>
    resolve(
      '/',
      settings.get('dir') ?? '',
      settings.get('dir::etc') ?? '',
      settings.get(name) ?? usual,
    );
  const file = path('dir::etc::netrc', 'auth.conf');
  const folder = path('dir::etc::netrcparts', 'auth.conf.d');
  return { file, folder, entries: readLogIns(file, folder) };
}
