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

-- The position of the last state message that was applied from each node, and the hash over what was recorded.
CREATE TABLE node_states (
  node_id uuid PRIMARY KEY REFERENCES nodes (id) ON DELETE CASCADE,
  epoch bigint NOT NULL CONSTRAINT node_states_epoch_positive CHECK (epoch > 0),
  sequence bigint NOT NULL CONSTRAINT node_states_sequence_positive CHECK (sequence > 0),
  full_state_at timestamptz,
  vms_hash bytea,
  pools_hash bytea
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- When an administrator asked for a node's full state; the next heartbeat's answer passes it on.
ALTER TABLE nodes
  ADD COLUMN full_state_wanted_at timestamptz,
  ADD COLUMN management_ip_changed_at timestamptz;

-- The leader's fencing token. Whoever writes as the leader locks this row and compares: a leader that was paused while
-- another one took over finds a larger epoch and its transaction fails.
CREATE TABLE leadership (
  only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT leadership_only_row CHECK (only_row),
  epoch bigint NOT NULL CONSTRAINT leadership_epoch_natural CHECK (epoch >= 0),
  holder text NOT NULL,
  since timestamptz NOT NULL
);
INSERT INTO leadership (epoch, holder, since) VALUES (0, '', now());
