-- Who defined a virtual machine, and whether its host still has it. A managed one that is gone is LOST, with reason and time;
-- it is never deleted for that. Absence needs evidence: only a complete list of its present node makes it LOST.
ALTER TABLE virtual_machines
  ADD COLUMN origin text NOT NULL DEFAULT 'control-plane' CONSTRAINT virtual_machines_origin_value CHECK (
    origin IN ('control-plane', 'host-discovered', 'imported')),
  ADD COLUMN is_managed boolean NOT NULL DEFAULT true,
  -- When its row was last written from a report. While it is present it is as fresh as its node's last full state.
  ADD COLUMN last_seen timestamptz,
  ADD COLUMN lost_reason text,
  ADD COLUMN lost_at timestamptz,
  ADD CONSTRAINT virtual_machines_lost_has_reason CHECK ((lost_reason IS NULL) = (lost_at IS NULL)),
  ADD CONSTRAINT virtual_machines_discovered_is_unmanaged CHECK (origin <> 'host-discovered' OR NOT is_managed);
-- Names are unique where people give them; hosts may report what they like.
DROP INDEX virtual_machines_project_name_index;
CREATE UNIQUE INDEX virtual_machines_managed_name_key ON virtual_machines (project_id, name) WHERE is_managed;
CREATE INDEX virtual_machines_lost_index ON virtual_machines (lost_at) WHERE lost_at IS NOT NULL;

-- The position of the last state message that was applied from each node, the hashes over what was recorded (one for each
-- form of a line, from form 0 on), and which machine sent the last full state.
CREATE TABLE node_states (
  node_id uuid PRIMARY KEY REFERENCES nodes (id) ON DELETE CASCADE,
  epoch bigint NOT NULL CONSTRAINT node_states_epoch_positive CHECK (epoch > 0),
  sequence bigint NOT NULL CONSTRAINT node_states_sequence_positive CHECK (sequence > 0),
  full_state_at timestamptz,
  vms_hashes text[] NOT NULL DEFAULT '{}',
  pools_hashes text[] NOT NULL DEFAULT '{}',
  smbios_uuid text NOT NULL DEFAULT '',
  serial text NOT NULL DEFAULT '',
  boot_id text NOT NULL DEFAULT ''
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- Boots of a node that another one has replaced: none of them comes back, unless the disk was copied.
CREATE TABLE node_boots (
  node_id uuid NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
  boot_id text NOT NULL,
  replaced_at timestamptz NOT NULL,
  PRIMARY KEY (node_id, boot_id)
);

-- When an administrator asked for a node's full state; the next heartbeat's answer passes it on.
ALTER TABLE nodes
  ADD COLUMN full_state_wanted_at timestamptz,
  ADD COLUMN management_ip_changed_at timestamptz;

-- What else a heartbeat brings. The offset is the host's clock minus the control plane's; boot_heard_at is when the machine
-- that sent the last full state was heard of.
ALTER TABLE node_heartbeats
  ADD COLUMN clock_offset_ms bigint,
  ADD COLUMN health jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN hypervisor jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN version jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN trust_bundle_version bigint NOT NULL DEFAULT 0,
  ADD COLUMN endpoints_version bigint NOT NULL DEFAULT 0,
  ADD COLUMN boot_heard_at timestamptz;

-- What each node reports of its virtual machines: a claim on each. The report is the message of vm.proto without its counters,
-- so that the hash over it is the node's. What cannot be a virtual machine here, such as one whose id is no UUID, is kept, too.
CREATE TABLE reported_vms (
  node_id uuid NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
  vm_id text NOT NULL,
  power_state text NOT NULL CONSTRAINT reported_vms_power_state_value CHECK (power_state IN (
    'UNKNOWN', 'RUNNING', 'BLOCKED', 'PAUSED', 'SHUTTING_DOWN', 'SHUT_OFF', 'CRASHED', 'SUSPENDED')),
  report bytea NOT NULL,
  PRIMARY KEY (node_id, vm_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX reported_vms_vm_id_index ON reported_vms (vm_id);

-- The same of storage pools, and their volumes: messages of storage.proto. The hash of the volumes is NULL until a full state
-- has said something about them, and empty if that did not look into the pool.
CREATE TABLE reported_pools (
  node_id uuid NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
  host_pool_id text NOT NULL,
  pool_id uuid REFERENCES storage_pools (id) ON DELETE SET NULL,
  report bytea NOT NULL,
  volumes bytea,
  volumes_sha256 text,
  PRIMARY KEY (node_id, host_pool_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX reported_pools_pool_id_index ON reported_pools (pool_id);

-- Virtual machines that several nodes say they run at this moment.
CREATE TABLE vm_conflicts (
  vm_id uuid PRIMARY KEY REFERENCES virtual_machines (id) ON DELETE CASCADE,
  node_ids uuid[] NOT NULL,
  since timestamptz NOT NULL DEFAULT now()
);

-- The leader's fencing token. Whoever writes as the leader locks this row and compares: a leader that was paused while
-- another one took over finds a larger epoch and its transaction fails.
CREATE TABLE leadership (
  only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT leadership_only_row CHECK (only_row),
  epoch bigint NOT NULL CONSTRAINT leadership_epoch_natural CHECK (epoch >= 0),
  holder text NOT NULL,
  since timestamptz NOT NULL
);
INSERT INTO leadership (epoch, holder, since) VALUES (0, '', now());
