-- People who use the control plane: their sessions, requests that may come twice, permissions for what came since, and indexes
-- for lists.

-- Of a session's secret only the SHA-256 is kept, as of API keys. Rows stay for a while after the end: from where somebody
-- logged in before, a stranger's guesses do not keep him out.
CREATE TABLE sessions (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  token_hash bytea NOT NULL CONSTRAINT sessions_token_hash_length CHECK (length(token_hash) = 32),
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  address text NOT NULL,
  -- The address, or of IPv6 the network of 64 bits.
  network text NOT NULL,
  user_agent text NOT NULL DEFAULT '' CONSTRAINT sessions_user_agent_length CHECK (length(user_agent) <= 255),
  created_at timestamptz NOT NULL DEFAULT now(),
  last_used_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  ended_at timestamptz,
  CONSTRAINT sessions_token_hash_key UNIQUE (token_hash)
) WITH (fillfactor = 70);
CREATE INDEX sessions_user_id_index ON sessions (user_id, network);
CREATE INDEX sessions_expires_at_index ON sessions (expires_at);

-- Requests with an Idempotency-Key, and what they were answered. status is NULL while the first is under way; body is NULL
-- where the answer has a secret, which is shown once.
CREATE TABLE idempotent_requests (
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  key text NOT NULL CONSTRAINT idempotent_requests_key_length CHECK (length(key) BETWEEN 1 AND 255),
  request_hash bytea NOT NULL CONSTRAINT idempotent_requests_request_hash_length CHECK (length(request_hash) = 32),
  status integer,
  body text,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, key)
);
CREATE INDEX idempotent_requests_created_at_index ON idempotent_requests (created_at);

UPDATE roles SET permissions = permissions || ARRAY['task:read', 'alert:read', 'event:read', 'metrics:read']
  WHERE type = 'system';
UPDATE roles SET permissions = permissions || ARRAY['task:cancel', 'alert:update']
  WHERE type = 'system' AND name IN ('admin', 'operator');

-- Lists go on after the last row of the page before, by what they are sorted by and the id.
CREATE INDEX virtual_machines_name_index ON virtual_machines (name, id);
CREATE INDEX virtual_machines_power_state_index ON virtual_machines (power_state, name, id);
CREATE INDEX virtual_machines_created_at_index ON virtual_machines (created_at, id);
