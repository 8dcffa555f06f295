-- Projects, clusters, nodes, virtual machines, storage, networks, security groups, users, audit, alerts, images.
--
-- Value sets are CHECK constraints. Those that the agents' protocol has too carry the names of its enums
-- (apps/proto), without their prefix; UNKNOWN is what the protocol calls unspecified. What a host reports is kept apart from
-- what people define: an unknown power state is UNKNOWN, never SHUT_OFF.

CREATE FUNCTION set_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END
$$;

CREATE TABLE projects (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CONSTRAINT projects_name_length CHECK (length(name) BETWEEN 1 AND 255),
  description text NOT NULL DEFAULT '',
  quota jsonb NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT projects_name_key UNIQUE (name)
);

CREATE TABLE clusters (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CONSTRAINT clusters_name_length CHECK (length(name) BETWEEN 1 AND 255),
  description text NOT NULL DEFAULT '',
  ha_enabled boolean NOT NULL DEFAULT false,
  drs_enabled boolean NOT NULL DEFAULT false,
  drs_automation text NOT NULL DEFAULT 'MANUAL'
    CONSTRAINT clusters_drs_automation_value CHECK (drs_automation IN ('MANUAL', 'PARTIAL', 'FULL')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT clusters_name_key UNIQUE (name)
);

-- A node is its key: the id is made of the public key by the agent and the control plane alike. Two nodes may have one
-- host name.
CREATE TABLE nodes (
  id uuid PRIMARY KEY,
  hostname text NOT NULL CONSTRAINT nodes_hostname_length CHECK (length(hostname) BETWEEN 1 AND 255),
  management_ip inet,
  cluster_id uuid REFERENCES clusters (id) ON DELETE SET NULL,
  labels jsonb NOT NULL DEFAULT '{}' CONSTRAINT nodes_labels_object CHECK (jsonb_typeof(labels) = 'object'),
  spec jsonb NOT NULL DEFAULT '{}' CONSTRAINT nodes_spec_object CHECK (jsonb_typeof(spec) = 'object'),
  phase text NOT NULL DEFAULT 'UNKNOWN' CONSTRAINT nodes_phase_value CHECK (phase IN (
    'UNKNOWN', 'PENDING', 'READY', 'NOT_READY', 'MAINTENANCE', 'DRAINING', 'ERROR', 'DISCONNECTED')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX nodes_cluster_id_index ON nodes (cluster_id);
CREATE INDEX nodes_labels_index ON nodes USING gin (labels);

-- What each heartbeat brings, in rows of their own: they are rewritten every few seconds, and have no index but the key, so
-- that PostgreSQL rewrites them in place (heap-only tuples).
CREATE TABLE node_heartbeats (
  node_id uuid PRIMARY KEY REFERENCES nodes (id) ON DELETE CASCADE,
  received_at timestamptz NOT NULL,
  epoch bigint NOT NULL CONSTRAINT node_heartbeats_epoch_positive CHECK (epoch > 0),
  sequence bigint NOT NULL CONSTRAINT node_heartbeats_sequence_positive CHECK (sequence > 0),
  load jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

CREATE TABLE virtual_machines (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CONSTRAINT virtual_machines_name_length CHECK (length(name) BETWEEN 1 AND 255),
  project_id uuid NOT NULL REFERENCES projects (id) ON DELETE RESTRICT,
  description text NOT NULL DEFAULT '',
  labels jsonb NOT NULL DEFAULT '{}'
    CONSTRAINT virtual_machines_labels_object CHECK (jsonb_typeof(labels) = 'object'),
  spec jsonb NOT NULL DEFAULT '{}'
    CONSTRAINT virtual_machines_spec_object CHECK (jsonb_typeof(spec) = 'object'),
  power_state text NOT NULL DEFAULT 'UNKNOWN' CONSTRAINT virtual_machines_power_state_value CHECK (power_state IN (
    'UNKNOWN', 'RUNNING', 'BLOCKED', 'PAUSED', 'SHUTTING_DOWN', 'SHUT_OFF', 'CRASHED', 'SUSPENDED')),
  node_id uuid REFERENCES nodes (id) ON DELETE SET NULL,
  ip_addresses inet[] NOT NULL DEFAULT '{}',
  status_message text NOT NULL DEFAULT '',
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX virtual_machines_project_name_index ON virtual_machines (project_id, name);
CREATE INDEX virtual_machines_node_id_index ON virtual_machines (node_id);
CREATE INDEX virtual_machines_labels_index ON virtual_machines USING gin (labels);

CREATE TABLE storage_pools (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CONSTRAINT storage_pools_name_length CHECK (length(name) BETWEEN 1 AND 255),
  pool_type text NOT NULL CONSTRAINT storage_pools_pool_type_value CHECK (pool_type IN (
    'UNKNOWN', 'DIRECTORY', 'FILESYSTEM', 'LVM', 'NFS')),
  description text NOT NULL DEFAULT '',
  spec jsonb NOT NULL DEFAULT '{}' CONSTRAINT storage_pools_spec_object CHECK (jsonb_typeof(spec) = 'object'),
  phase text NOT NULL DEFAULT 'PENDING' CONSTRAINT storage_pools_phase_value CHECK (phase IN (
    'PENDING', 'READY', 'DEGRADED', 'ERROR', 'DELETING')),
  -- NULL while it is not known.
  capacity_bytes bigint CONSTRAINT storage_pools_capacity_bytes_natural CHECK (capacity_bytes >= 0),
  used_bytes bigint CONSTRAINT storage_pools_used_bytes_natural CHECK (used_bytes >= 0),
  available_bytes bigint CONSTRAINT storage_pools_available_bytes_natural CHECK (available_bytes >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX storage_pools_name_index ON storage_pools (name);

CREATE TABLE volumes (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CONSTRAINT volumes_name_length CHECK (length(name) BETWEEN 1 AND 255),
  pool_id uuid NOT NULL REFERENCES storage_pools (id) ON DELETE RESTRICT,
  project_id uuid REFERENCES projects (id) ON DELETE RESTRICT,
  size_bytes bigint NOT NULL CONSTRAINT volumes_size_bytes_positive CHECK (size_bytes > 0),
  provisioning text NOT NULL DEFAULT 'THIN'
    CONSTRAINT volumes_provisioning_value CHECK (provisioning IN ('THIN', 'THICK')),
  phase text NOT NULL DEFAULT 'CREATING' CONSTRAINT volumes_phase_value CHECK (phase IN (
    'CREATING', 'READY', 'IN_USE', 'RESIZING', 'ERROR', 'DELETING')),
  attached_vm_id uuid REFERENCES virtual_machines (id) ON DELETE SET NULL,
  path text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT volumes_pool_id_name_key UNIQUE (pool_id, name)
);
CREATE INDEX volumes_project_id_index ON volumes (project_id);
CREATE INDEX volumes_attached_vm_id_index ON volumes (attached_vm_id);

CREATE TABLE virtual_networks (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CONSTRAINT virtual_networks_name_length CHECK (length(name) BETWEEN 1 AND 255),
  network_type text NOT NULL CONSTRAINT virtual_networks_network_type_value CHECK (network_type IN (
    'VLAN', 'OVERLAY', 'EXTERNAL')),
  description text NOT NULL DEFAULT '',
  vlan_id integer CONSTRAINT virtual_networks_vlan_id_range CHECK (vlan_id BETWEEN 1 AND 4094),
  cidr cidr,
  gateway inet,
  dhcp_enabled boolean NOT NULL DEFAULT false,
  dhcp_range_start inet,
  dhcp_range_end inet,
  dns_servers inet[] NOT NULL DEFAULT '{}',
  phase text NOT NULL DEFAULT 'CREATING' CONSTRAINT virtual_networks_phase_value CHECK (phase IN (
    'CREATING', 'READY', 'ERROR', 'DELETING')),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT virtual_networks_name_key UNIQUE (name),
  CONSTRAINT virtual_networks_vlan_has_id CHECK (network_type <> 'VLAN' OR vlan_id IS NOT NULL),
  CONSTRAINT virtual_networks_gateway_in_cidr CHECK (gateway IS NULL OR (cidr IS NOT NULL AND gateway <<= cidr)),
  CONSTRAINT virtual_networks_dhcp_range CHECK (NOT dhcp_enabled OR (
    dhcp_range_start <<= cidr AND dhcp_range_end <<= cidr AND dhcp_range_start <= dhcp_range_end) IS TRUE)
);

CREATE TABLE security_groups (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CONSTRAINT security_groups_name_length CHECK (length(name) BETWEEN 1 AND 255),
  description text NOT NULL DEFAULT '',
  project_id uuid NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
  is_default boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT security_groups_project_id_name_key UNIQUE (project_id, name)
);
CREATE UNIQUE INDEX security_groups_one_default ON security_groups (project_id) WHERE is_default;

CREATE TABLE security_rules (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  security_group_id uuid NOT NULL REFERENCES security_groups (id) ON DELETE CASCADE,
  direction text NOT NULL
    CONSTRAINT security_rules_direction_value CHECK (direction IN ('INBOUND', 'OUTBOUND')),
  protocol text NOT NULL
    CONSTRAINT security_rules_protocol_value CHECK (protocol IN ('TCP', 'UDP', 'ICMP', 'ANY')),
  port_range_min integer CONSTRAINT security_rules_port_range_min_port CHECK (port_range_min BETWEEN 0 AND 65535),
  port_range_max integer CONSTRAINT security_rules_port_range_max_port CHECK (port_range_max BETWEEN 0 AND 65535),
  remote_cidr cidr,
  remote_group_id uuid REFERENCES security_groups (id) ON DELETE CASCADE,
  action text NOT NULL DEFAULT 'ALLOW'
    CONSTRAINT security_rules_action_value CHECK (action IN ('ALLOW', 'DENY')),
  priority integer NOT NULL DEFAULT 100,
  description text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT security_rules_ports CHECK (
    (port_range_min IS NULL) = (port_range_max IS NULL)
    AND (port_range_min IS NULL OR (protocol IN ('TCP', 'UDP') AND port_range_min <= port_range_max))),
  CONSTRAINT security_rules_one_remote CHECK (remote_cidr IS NULL OR remote_group_id IS NULL)
);
CREATE INDEX security_rules_security_group_id_index ON security_rules (security_group_id);
CREATE INDEX security_rules_remote_group_id_index ON security_rules (remote_group_id);

CREATE TABLE vm_security_groups (
  vm_id uuid NOT NULL REFERENCES virtual_machines (id) ON DELETE CASCADE,
  security_group_id uuid NOT NULL REFERENCES security_groups (id) ON DELETE CASCADE,
  PRIMARY KEY (vm_id, security_group_id)
);
CREATE INDEX vm_security_groups_security_group_id_index ON vm_security_groups (security_group_id);

CREATE TABLE alerts (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  severity text NOT NULL CONSTRAINT alerts_severity_value CHECK (severity IN ('CRITICAL', 'WARNING', 'INFO')),
  title text NOT NULL CONSTRAINT alerts_title_length CHECK (length(title) BETWEEN 1 AND 500),
  message text NOT NULL DEFAULT '',
  source_type text NOT NULL CONSTRAINT alerts_source_type_value CHECK (source_type IN (
    'HOST', 'VM', 'STORAGE', 'NETWORK', 'CLUSTER', 'CONTROL_PLANE')),
  source_id uuid,
  source_name text NOT NULL DEFAULT '',
  acknowledged_by text,
  acknowledged_at timestamptz,
  resolved_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT alerts_acknowledged_by_someone CHECK ((acknowledged_by IS NULL) = (acknowledged_at IS NULL))
);
-- The same thing is open once, however often it is noticed.
CREATE UNIQUE INDEX alerts_open_once ON alerts (source_type, source_id, source_name, title) NULLS NOT DISTINCT
  WHERE resolved_at IS NULL;
CREATE INDEX alerts_created_at_index ON alerts (created_at);

CREATE TABLE drs_recommendations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  cluster_id uuid NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
  priority text NOT NULL CONSTRAINT drs_recommendations_priority_value CHECK (priority IN (
    'CRITICAL', 'HIGH', 'MEDIUM', 'LOW')),
  recommendation_type text NOT NULL CONSTRAINT drs_recommendations_recommendation_type_value CHECK (
    recommendation_type IN ('MIGRATE', 'POWER_ON', 'POWER_OFF')),
  reason text NOT NULL DEFAULT '',
  vm_id uuid NOT NULL REFERENCES virtual_machines (id) ON DELETE CASCADE,
  source_node_id uuid REFERENCES nodes (id) ON DELETE SET NULL,
  target_node_id uuid REFERENCES nodes (id) ON DELETE SET NULL,
  status text NOT NULL DEFAULT 'PENDING' CONSTRAINT drs_recommendations_status_value CHECK (status IN (
    'PENDING', 'APPROVED', 'APPLIED', 'REJECTED')),
  created_at timestamptz NOT NULL DEFAULT now(),
  applied_at timestamptz,
  applied_by text
);
CREATE INDEX drs_recommendations_pending_index ON drs_recommendations (cluster_id) WHERE status = 'PENDING';
CREATE INDEX drs_recommendations_vm_id_index ON drs_recommendations (vm_id);

-- No user is seeded: the first boot makes the administrator and shows the password once.
CREATE TABLE users (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  username text NOT NULL CONSTRAINT users_username_form CHECK (username ~ '^[a-z0-9][a-z0-9._@-]{0,254}$'),
  email text CONSTRAINT users_email_length CHECK (length(email) BETWEEN 3 AND 255),
  -- A PHC string of Argon2id; NULL where the account has no password.
  password_hash text CONSTRAINT users_password_hash_form CHECK (password_hash LIKE '$argon2id$%'),
  role text NOT NULL DEFAULT 'viewer'
    CONSTRAINT users_role_value CHECK (role IN ('admin', 'operator', 'viewer')),
  enabled boolean NOT NULL DEFAULT true,
  must_change_password boolean NOT NULL DEFAULT false,
  last_login timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT users_username_key UNIQUE (username),
  CONSTRAINT users_email_key UNIQUE (email)
);

-- Append-only. Each row's hash is SHA-256 over the hash before it and what the row says, so that a row that was changed,
-- removed or put in between is found by counting again. Users are named, not referred to: the row outlives them.
CREATE TABLE audit_log (
  sequence bigint PRIMARY KEY,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  user_id uuid,
  username text NOT NULL DEFAULT '',
  action text NOT NULL CONSTRAINT audit_log_action_length CHECK (length(action) BETWEEN 1 AND 100),
  resource_type text,
  resource_id uuid,
  resource_name text,
  status text NOT NULL DEFAULT 'success'
    CONSTRAINT audit_log_status_value CHECK (status IN ('success', 'failure')),
  details jsonb NOT NULL DEFAULT '{}',
  ip_address inet,
  user_agent text,
  created_at timestamptz NOT NULL DEFAULT now(),
  previous_hash bytea NOT NULL,
  hash bytea NOT NULL,
  CONSTRAINT audit_log_id_key UNIQUE (id)
);
CREATE INDEX audit_log_created_at_index ON audit_log (created_at);
CREATE INDEX audit_log_resource_index ON audit_log (resource_type, resource_id);

-- What a row of the audit log says, as the bytes that its hash covers; the time in UTC, whatever the session's zone.
CREATE FUNCTION audit_log_content(entry audit_log) RETURNS bytea
LANGUAGE sql STABLE AS $$
  SELECT convert_to(jsonb_build_array(
    entry.sequence, entry.id, entry.user_id, entry.username, entry.action, entry.resource_type, entry.resource_id,
    entry.resource_name, entry.status, entry.details, entry.ip_address, entry.user_agent,
    to_char(entry.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))::text, 'UTF8')
$$;

CREATE FUNCTION chain_audit_log() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  last record;
BEGIN
  -- One writer at a time until it commits, or two rows would follow the same one. A lock of the table would be upgraded
  -- from the one that INSERT holds already, and two writers would wait for each other.
  PERFORM pg_advisory_xact_lock('audit_log'::regclass::bigint);
  SELECT sequence, hash INTO last FROM audit_log ORDER BY sequence DESC LIMIT 1;
  NEW.sequence := coalesce(last.sequence, 0) + 1;
  NEW.previous_hash := coalesce(last.hash, '\x');
  NEW.hash := sha256(NEW.previous_hash || audit_log_content(NEW));
  RETURN NEW;
END
$$;

CREATE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER audit_log_chain BEFORE INSERT ON audit_log
  FOR EACH ROW EXECUTE FUNCTION chain_audit_log();
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE vm_snapshots (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  vm_id uuid NOT NULL REFERENCES virtual_machines (id) ON DELETE CASCADE,
  name text NOT NULL CONSTRAINT vm_snapshots_name_length CHECK (length(name) BETWEEN 1 AND 255),
  description text NOT NULL DEFAULT '',
  parent_id uuid REFERENCES vm_snapshots (id) ON DELETE SET NULL,
  state text NOT NULL DEFAULT 'CREATING' CONSTRAINT vm_snapshots_state_value CHECK (state IN (
    'CREATING', 'READY', 'REVERTING', 'ERROR', 'DELETING')),
  size_bytes bigint CONSTRAINT vm_snapshots_size_bytes_natural CHECK (size_bytes >= 0),
  vm_state jsonb NOT NULL DEFAULT '{}',
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT vm_snapshots_vm_id_name_key UNIQUE (vm_id, name)
);
CREATE INDEX vm_snapshots_parent_id_index ON vm_snapshots (parent_id);

CREATE TABLE images (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CONSTRAINT images_name_length CHECK (length(name) BETWEEN 1 AND 255),
  description text NOT NULL DEFAULT '',
  project_id uuid REFERENCES projects (id) ON DELETE RESTRICT,
  labels jsonb NOT NULL DEFAULT '{}' CONSTRAINT images_labels_object CHECK (jsonb_typeof(labels) = 'object'),
  format text NOT NULL DEFAULT 'QCOW2' CONSTRAINT images_format_value CHECK (format IN (
    'RAW', 'QCOW2', 'VMDK', 'VHD', 'ISO', 'OVA')),
  visibility text NOT NULL DEFAULT 'PROJECT' CONSTRAINT images_visibility_value CHECK (visibility IN (
    'PRIVATE', 'PROJECT', 'PUBLIC')),
  os_family text NOT NULL DEFAULT 'UNKNOWN' CONSTRAINT images_os_family_value CHECK (os_family IN (
    'UNKNOWN', 'LINUX', 'WINDOWS', 'BSD', 'OTHER')),
  os_version text,
  phase text NOT NULL DEFAULT 'PENDING' CONSTRAINT images_phase_value CHECK (phase IN (
    'PENDING', 'DOWNLOADING', 'EXTRACTING', 'PARSING', 'CONVERTING', 'READY', 'ERROR', 'DELETING')),
  error_message text NOT NULL DEFAULT '',
  pool_id uuid REFERENCES storage_pools (id) ON DELETE SET NULL,
  node_id uuid REFERENCES nodes (id) ON DELETE SET NULL,
  path text,
  size_bytes bigint CONSTRAINT images_size_bytes_natural CHECK (size_bytes >= 0),
  sha256 bytea CONSTRAINT images_sha256_length CHECK (length(sha256) = 32),
  min_cpus integer NOT NULL DEFAULT 1 CONSTRAINT images_min_cpus_positive CHECK (min_cpus > 0),
  min_memory_bytes bigint NOT NULL DEFAULT 536870912
    CONSTRAINT images_min_memory_bytes_positive CHECK (min_memory_bytes > 0),
  min_disk_bytes bigint NOT NULL DEFAULT 10737418240
    CONSTRAINT images_min_disk_bytes_positive CHECK (min_disk_bytes > 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT images_project_id_name_key UNIQUE NULLS NOT DISTINCT (project_id, name)
);
CREATE INDEX images_pool_id_index ON images (pool_id);

CREATE TRIGGER projects_updated_at BEFORE UPDATE ON projects FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER clusters_updated_at BEFORE UPDATE ON clusters FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER nodes_updated_at BEFORE UPDATE ON nodes FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER virtual_machines_updated_at BEFORE UPDATE ON virtual_machines
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER storage_pools_updated_at BEFORE UPDATE ON storage_pools
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER volumes_updated_at BEFORE UPDATE ON volumes FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER virtual_networks_updated_at BEFORE UPDATE ON virtual_networks
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER security_groups_updated_at BEFORE UPDATE ON security_groups
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER users_updated_at BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER images_updated_at BEFORE UPDATE ON images FOR EACH ROW EXECUTE FUNCTION set_updated_at();

INSERT INTO projects (id, name, description) VALUES
  ('00000000-0000-0000-0000-000000000001', 'default', 'What belongs to no other project'),
  ('00000000-0000-0000-0000-000000000002', 'discovered', 'What hosts reported and nobody adopted yet');
INSERT INTO security_groups (id, name, description, project_id, is_default) VALUES
  ('00000000-0000-0000-0000-000000000001', 'default', 'Allows everything', '00000000-0000-0000-0000-000000000001', true);
INSERT INTO security_rules (id, security_group_id, direction, protocol, remote_cidr, description) VALUES
  ('00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000001', 'INBOUND', 'ANY', '0.0.0.0/0',
    'Everything inwards, IPv4'),
  ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001', 'OUTBOUND', 'ANY', '0.0.0.0/0',
    'Everything outwards, IPv4'),
  ('00000000-0000-0000-0000-000000000003', '00000000-0000-0000-0000-000000000001', 'INBOUND', 'ANY', '::/0',
    'Everything inwards, IPv6'),
  ('00000000-0000-0000-0000-000000000004', '00000000-0000-0000-0000-000000000001', 'OUTBOUND', 'ANY', '::/0',
    'Everything outwards, IPv6');
