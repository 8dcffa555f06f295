-- How the certificate for people was ordered by ACME (RFC 8555), and is ordered again before it ends. A certificate that
-- was given has none.
CREATE TABLE certificate_order (
  single boolean PRIMARY KEY REFERENCES people_certificate ON DELETE CASCADE,
  -- Address of the directory of the certificate authority.
  directory text NOT NULL CONSTRAINT certificate_order_directory_length CHECK (length(directory) <= 2048),
  -- PEM: certificates that the authority's own must end in; empty for those of the system.
  authority text NOT NULL CONSTRAINT certificate_order_authority_length CHECK (length(authority) <= 65536),
  names text[] NOT NULL,
  contact text NOT NULL,
  -- PEM, PKCS #8: the key of the account.
  account_key text NOT NULL CONSTRAINT certificate_order_account_key_length CHECK (length(account_key) <= 65536)
);
