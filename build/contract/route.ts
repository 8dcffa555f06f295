/** How a server is reached. */
export interface Route {
  /** Address of the proxy (`http://name:password@host:port`); absent for a direct connection. */
  readonly proxy?: string | undefined;
  /** Certificates of trusted authorities, PEM, in place of those built into Node. */
  readonly authorities?: readonly string[] | undefined;
  /** Client certificate and key, PEM, for servers that ask for one. */
  readonly certificate?: { readonly certificate: string; readonly key: string } | undefined;
}

/** Returns the route to the server of a URL. */
export type FindRoute = (url: URL) => Route;
