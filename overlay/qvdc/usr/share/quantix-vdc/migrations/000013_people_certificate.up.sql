-- The certificate that people are shown in place of the control plane's own: there is one, or none.
CREATE TABLE people_certificate (
  single boolean PRIMARY KEY DEFAULT true CONSTRAINT people_certificate_single CHECK (single),
  -- PEM: the server's own certificate first, each further one that of who signed the one before.
  chain text NOT NULL CONSTRAINT people_certificate_chain_length CHECK (length(chain) <= 65536),
  -- PEM, PKCS #8.
  private_key text NOT NULL CONSTRAINT people_certificate_private_key_length CHECK (length(private_key) <= 65536),
  set_by text NOT NULL,
  set_at timestamptz NOT NULL
);
