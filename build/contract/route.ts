/** How a server is reached. */
export interface Route {
  /** Address of the proxy (`http://name:password@host:port`); none for a direct connection. */
  readonly proxy?: string | undefined;
  /** Certificates of authorities to believe, PEM, instead of those that Node brings. */
  readonly authorities?: readonly string[] | undefined;
  /** Certificate and key, PEM, to show to servers that ask for one. */
  readonly certificate?: { readonly certificate: string; readonly key: string } | undefined;
}

/** The way to the server of an address. */
export type FindRoute = (url: URL) => Route;
