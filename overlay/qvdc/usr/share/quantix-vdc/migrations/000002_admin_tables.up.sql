-- Roles, API keys, single sign-on, organizations, administrators' addresses, global rules, certificates, join tokens, nodes
-- that are gone, tasks.

CREATE TABLE roles (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CONSTRAINT roles_name_length CHECK (length(name) BETWEEN 1 AND 100),
  description text NOT NULL DEFAULT '',
  type text NOT NULL DEFAULT 'custom' CONSTRAINT roles_type_value CHECK (type IN ('system', 'custom')),
  parent_id uuid REFERENCES roles (id) ON DELETE SET NULL,
  permissions text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT roles_name_key UNIQUE (name),
  CONSTRAINT roles_parent_is_another CHECK (parent_id <> id)
);
CREATE INDEX roles_parent_id_index ON roles (parent_id);

CREATE TABLE user_roles (
  user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role_id uuid NOT NULL REFERENCES roles (id) ON DELETE CASCADE,
  assigned_at timestamptz NOT NULL DEFAULT now(),
  assigned_by uuid REFERENCES users (id) ON DELETE SET NULL,
  PRIMARY KEY (user_id, role_id)
);
CREATE INDEX user_roles_role_id_index ON user_roles (role_id);
CREATE INDEX user_roles_assigned_by_index ON user_roles (assigned_by);

-- Of a key only the SHA-256 is kept; it has 256 random bits, so that needs no salt. A key ends with its owner.
CREATE TABLE api_keys (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CONSTRAINT api_keys_name_length CHECK (length(name) BETWEEN 1 AND 100),
  prefix text NOT NULL CONSTRAINT api_keys_prefix_length CHECK (length(prefix) BETWEEN 1 AND 20),
  key_hash bytea NOT NULL CONSTRAINT api_keys_key_hash_length CHECK (length(key_hash) = 32),
  permissions text[] NOT NULL DEFAULT '{}',
  created_by uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash),
  CONSTRAINT api_keys_created_by_name_key UNIQUE (created_by, name)
);

CREATE TABLE sso_configs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  provider_type text NOT NULL
    CONSTRAINT sso_configs_provider_type_value CHECK (provider_type IN ('oidc', 'saml', 'ldap')),
  name text NOT NULL CONSTRAINT sso_configs_name_length CHECK (length(name) BETWEEN 1 AND 100),
  enabled boolean NOT NULL DEFAULT false,
  config jsonb NOT NULL DEFAULT '{}',
  auto_provision boolean NOT NULL DEFAULT false,
  default_role_id uuid REFERENCES roles (id) ON DELETE SET NULL,
  group_mapping jsonb NOT NULL DEFAULT '{}',
  allowed_domains text[] NOT NULL DEFAULT '{}',
  allowed_groups text[] NOT NULL DEFAULT '{}',
  update_on_login boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT sso_configs_name_key UNIQUE (name)
);

CREATE TABLE organizations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CONSTRAINT organizations_name_length CHECK (length(name) BETWEEN 1 AND 255),
  domain text,
  settings jsonb NOT NULL DEFAULT '{}',
  branding jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT organizations_name_key UNIQUE (name)
);

CREATE TABLE admin_emails (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  email text NOT NULL CONSTRAINT admin_emails_email_length CHECK (length(email) BETWEEN 3 AND 255),
  name text NOT NULL DEFAULT '',
  role text NOT NULL DEFAULT 'secondary' CONSTRAINT admin_emails_role_value CHECK (role IN (
    'primary', 'secondary', 'billing', 'security')),
  notifications jsonb NOT NULL DEFAULT
    '{"critical": true, "warning": true, "security": true, "maintenance": true, "updates": false, "weekly": false}',
  verified_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT admin_emails_email_key UNIQUE (email)
);

CREATE TABLE global_rules (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CONSTRAINT global_rules_name_length CHECK (length(name) BETWEEN 1 AND 255),
  description text NOT NULL DEFAULT '',
  category text NOT NULL CONSTRAINT global_rules_category_value CHECK (category IN (
    'compute', 'storage', 'network', 'security')),
  priority integer NOT NULL DEFAULT 100,
  enabled boolean NOT NULL DEFAULT true,
  conditions jsonb NOT NULL DEFAULT '[]',
  actions jsonb NOT NULL DEFAULT '[]',
  created_by uuid REFERENCES users (id) ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT global_rules_name_key UNIQUE (name)
);
CREATE INDEX global_rules_created_by_index ON global_rules (created_by);

-- Whether a certificate is expiring is a question of the time at which it is asked, not a column.
CREATE TABLE certificates (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CONSTRAINT certificates_name_length CHECK (length(name) BETWEEN 1 AND 255),
  names text[] NOT NULL DEFAULT '{}',
  issuer text NOT NULL DEFAULT '',
  serial_number text NOT NULL DEFAULT '',
  fingerprint bytea NOT NULL CONSTRAINT certificates_fingerprint_length CHECK (length(fingerprint) = 32),
  issued_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT certificates_fingerprint_key UNIQUE (fingerprint),
  CONSTRAINT certificates_life CHECK (issued_at < expires_at)
);

-- What a host joins with. Of a token only the SHA-256 of its secret is kept, as of API keys. It belongs to the first keys that
-- present it, as many as it may have.
CREATE TABLE join_tokens (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  secret_hash bytea NOT NULL CONSTRAINT join_tokens_secret_hash_length CHECK (length(secret_hash) = 32),
  description text NOT NULL DEFAULT '' CONSTRAINT join_tokens_description_length CHECK (length(description) <= 255),
  created_by text NOT NULL CONSTRAINT join_tokens_created_by_length CHECK (length(created_by) BETWEEN 1 AND 255),
  max_uses integer NOT NULL DEFAULT 1 CONSTRAINT join_tokens_max_uses_range CHECK (max_uses BETWEEN 1 AND 10000),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  CONSTRAINT join_tokens_secret_hash_key UNIQUE (secret_hash),
  CONSTRAINT join_tokens_life CHECK (created_at < expires_at)
);

-- Who used a token: one row a key. The node may be gone since.
CREATE TABLE join_token_uses (
  token_id uuid NOT NULL REFERENCES join_tokens (id) ON DELETE CASCADE,
  node_id uuid NOT NULL,
  hostname text NOT NULL,
  address text NOT NULL,
  first_used_at timestamptz NOT NULL,
  last_used_at timestamptz NOT NULL,
  PRIMARY KEY (token_id, node_id)
);
CREATE INDEX join_token_uses_node_id_index ON join_token_uses (node_id);

-- Nodes that were deleted or have left. They are refused until they use a join token that they had not used before.
CREATE TABLE departed_nodes (
  node_id uuid PRIMARY KEY,
  hostname text NOT NULL,
  how text NOT NULL CONSTRAINT departed_nodes_how_value CHECK (how IN ('DELETED', 'LEFT')),
  departed_at timestamptz NOT NULL,
  departed_by text NOT NULL,
  reason text NOT NULL DEFAULT ''
);

-- What nodes are to do, and what came of it. QUEUED: not sent yet; SENT: down the node's stream, and nothing was heard. Times
-- are the control plane's. A node's tasks go with it; the audit log has that they were given.
CREATE TABLE tasks (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  node_id uuid NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
  verb text NOT NULL CONSTRAINT tasks_verb_value CHECK (verb IN (
    'defineVm', 'startVm', 'shutdownVm', 'stopVm', 'rebootVm', 'undefineVm', 'createVolume', 'deleteVolume',
    'mountPool', 'unmountPool', 'configureNetwork', 'setMaintenance', 'updateHost')),
  object_type text NOT NULL CONSTRAINT tasks_object_type_value CHECK (object_type IN (
    'VM', 'VOLUME', 'POOL', 'INTERFACE', 'NODE')),
  object_id text NOT NULL,
  -- The message quantix.v1.Task in protobuf's JSON.
  request jsonb NOT NULL CONSTRAINT tasks_request_object CHECK (jsonb_typeof(request) = 'object'),
  generation bigint NOT NULL DEFAULT 0 CONSTRAINT tasks_generation_natural CHECK (generation >= 0),
  state text NOT NULL DEFAULT 'QUEUED' CONSTRAINT tasks_state_value CHECK (state IN (
    'QUEUED', 'SENT', 'ACCEPTED', 'RUNNING', 'DONE', 'FAILED', 'CANCELED')),
  progress integer NOT NULL DEFAULT 0 CONSTRAINT tasks_progress_range CHECK (progress BETWEEN 0 AND 100),
  message text NOT NULL DEFAULT '',
  error_code text CONSTRAINT tasks_error_code_value CHECK (error_code IN (
    'UNSPECIFIED', 'UNSUPPORTED', 'INVALID', 'NOT_FOUND', 'CONFLICT', 'EXPIRED', 'TIMEOUT', 'UNAVAILABLE',
    'INTERRUPTED', 'OUTDATED', 'CANCELED', 'MAINTENANCE')),
  error_message text,
  -- The message quantix.v1.TaskResult in protobuf's JSON.
  result jsonb,
  report_number bigint NOT NULL DEFAULT 0 CONSTRAINT tasks_report_number_natural CHECK (report_number >= 0),
  requested_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  sent_at timestamptz,
  started_at timestamptz,
  finished_at timestamptz,
  cancel_requested_at timestamptz,
  CONSTRAINT tasks_finished_is_final CHECK ((finished_at IS NOT NULL) = (state IN ('DONE', 'FAILED', 'CANCELED'))),
  CONSTRAINT tasks_error_of_failure CHECK ((error_code IS NOT NULL) = (state IN ('FAILED', 'CANCELED'))),
  CONSTRAINT tasks_error_has_message CHECK ((error_code IS NULL) = (error_message IS NULL))
) WITH (fillfactor = 70);
CREATE INDEX tasks_node_id_index ON tasks (node_id, created_at);
CREATE INDEX tasks_unfinished_index ON tasks (node_id, created_at) WHERE finished_at IS NULL;
CREATE INDEX tasks_created_at_index ON tasks (created_at);

-- Whoever holds a node's stream open listens on node_news: it has a task, one was taken back, or it is a node no more.
CREATE FUNCTION tell_node_news() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('node_news', NEW.node_id::text);
  RETURN NULL;
END
$$;
CREATE TRIGGER tasks_news AFTER INSERT OR UPDATE OF cancel_requested_at ON tasks
  FOR EACH ROW EXECUTE FUNCTION tell_node_news();
CREATE TRIGGER departed_nodes_news AFTER INSERT OR UPDATE ON departed_nodes
  FOR EACH ROW EXECUTE FUNCTION tell_node_news();

-- Releases that are brought to hosts, a few at a time. percentage: how many of the hosts may have it; the rest waits until an
-- operator raises it. PAUSED has a reason; ENDED: another one took its place.
CREATE TABLE update_rollouts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  product text NOT NULL,
  channel text NOT NULL,
  architecture text NOT NULL,
  base text NOT NULL,
  version text NOT NULL,
  serial bigint NOT NULL CONSTRAINT update_rollouts_serial_positive CHECK (serial > 0),
  percentage integer NOT NULL CONSTRAINT update_rollouts_percentage_range CHECK (percentage BETWEEN 1 AND 100),
  at_once integer NOT NULL CONSTRAINT update_rollouts_at_once_range CHECK (at_once BETWEEN 1 AND 100),
  state text NOT NULL DEFAULT 'RUNNING' CONSTRAINT update_rollouts_state_value CHECK (state IN (
    'RUNNING', 'PAUSED', 'DONE', 'ENDED')),
  reason text NOT NULL DEFAULT '',
  created_by text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  CONSTRAINT update_rollouts_finished_is_final CHECK ((finished_at IS NOT NULL) = (state IN ('DONE', 'ENDED')))
);
CREATE UNIQUE INDEX update_rollouts_one_at_a_time ON update_rollouts (product, architecture) WHERE finished_at IS NULL;
CREATE INDEX update_rollouts_created_at_index ON update_rollouts (created_at);

-- How the hosts of a roll-out fare, in the order in which they have their turn. SKIPPED: an operator said so, it has left, or
-- the release is not for it.
CREATE TABLE update_rollout_hosts (
  rollout_id uuid NOT NULL REFERENCES update_rollouts (id) ON DELETE CASCADE,
  node_id uuid NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
  position integer NOT NULL,
  state text NOT NULL DEFAULT 'WAITING' CONSTRAINT update_rollout_hosts_state_value CHECK (state IN (
    'WAITING', 'UNDER_WAY', 'DONE', 'FAILED', 'SKIPPED')),
  task_id uuid REFERENCES tasks (id) ON DELETE SET NULL,
  message text NOT NULL DEFAULT '',
  started_at timestamptz,
  finished_at timestamptz,
  PRIMARY KEY (rollout_id, node_id)
);
CREATE INDEX update_rollout_hosts_node_id_index ON update_rollout_hosts (node_id);
CREATE INDEX update_rollout_hosts_task_id_index ON update_rollout_hosts (task_id);

-- What nodes are told of the control plane, each with a version that grows with every change: where it can be reached, and
-- which certificate authorities are to be trusted.
CREATE TABLE announcements (
  name text PRIMARY KEY,
  version bigint NOT NULL CONSTRAINT announcements_version_positive CHECK (version > 0),
  content text NOT NULL
);

CREATE TRIGGER roles_updated_at BEFORE UPDATE ON roles FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER sso_configs_updated_at BEFORE UPDATE ON sso_configs FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER organizations_updated_at BEFORE UPDATE ON organizations
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER global_rules_updated_at BEFORE UPDATE ON global_rules
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

INSERT INTO roles (id, name, description, type, permissions) VALUES
  ('00000000-0000-0000-0001-000000000001', 'admin', 'May do everything', 'system', ARRAY[
    'vm:create', 'vm:read', 'vm:update', 'vm:delete', 'vm:start', 'vm:stop', 'vm:migrate',
    'node:create', 'node:read', 'node:update', 'node:delete', 'node:drain',
    'network:create', 'network:read', 'network:update', 'network:delete',
    'storage:create', 'storage:read', 'storage:update', 'storage:delete',
    'user:create', 'user:read', 'user:update', 'user:delete', 'system:config', 'system:audit']),
  ('00000000-0000-0000-0001-000000000002', 'operator', 'Runs virtual machines', 'system', ARRAY[
    'vm:create', 'vm:read', 'vm:update', 'vm:delete', 'vm:start', 'vm:stop', 'vm:migrate',
    'node:read', 'node:drain', 'network:create', 'network:read', 'network:update',
    'storage:create', 'storage:read', 'storage:update', 'user:read']),
  ('00000000-0000-0000-0001-000000000003', 'viewer', 'Looks', 'system', ARRAY[
    'vm:read', 'node:read', 'network:read', 'storage:read']);
INSERT INTO organizations (id, name, domain, settings) VALUES
  ('00000000-0000-0000-0002-000000000001', 'Default Organization', 'localhost',
    '{"session_timeout_minutes": 60, "api_keys_per_user": 10, "password_min_length": 8, "audit_retention_days": 90}');
INSERT INTO global_rules (id, name, description, category, priority, conditions, actions) VALUES
  ('00000000-0000-0000-0003-000000000001', 'Largest number of processors', 'Refuses more than 32', 'compute', 10,
    '[{"field": "cpus", "operator": "greater", "value": 32}]', '[{"type": "deny"}]'),
  ('00000000-0000-0000-0003-000000000002', 'Largest memory', 'Refuses more than 256 GiB', 'compute', 10,
    '[{"field": "memory_bytes", "operator": "greater", "value": 274877906944}]', '[{"type": "deny"}]'),
  ('00000000-0000-0000-0003-000000000003', 'Largest disk', 'Refuses more than 10 TiB', 'storage', 20,
    '[{"field": "size_bytes", "operator": "greater", "value": 10995116277760}]', '[{"type": "deny"}]');
