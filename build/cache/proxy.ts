import type { FindRoute } from '../contract/route.ts';
import { type Environment, selectProxyVariables } from '../process/environment.ts';

/** Returns the routes through the proxies of an environment; see `selectProxyVariables`. */
export function makeEnvironmentRoute(environment: Environment = process.env): FindRoute {
  const {
    http_proxy: http,
    https_proxy: https,
    no_proxy: exempt,
  } = selectProxyVariables(environment);
  return (url) => ({ proxy: isExempt(url, exempt) ? undefined : isSecure(url) ? https : http });
}

/**
 * Whether `no_proxy` lists the host of an address. As in curl(1), an entry is `*` for every host, or a name with an
 * optional dot before it and port after it; a name also matches all hosts below it.
 */
export function isExempt(url: URL, exempt = ''): boolean {
  const port = url.port === '' ? (isSecure(url) ? '443' : '80') : url.port;
  return exempt.split(/[\s,]+/).some((entry) => {
    if (entry === '*') return true;
    const [, domain = '', only = port] = /^\*?\.?(.*?)(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
    const named = url.hostname === domain || url.hostname.endsWith(`.${domain}`);
    return domain !== '' && named && only === port;
  });
}

function isSecure(url: URL): boolean {
  return url.protocol === 'https:';
}
