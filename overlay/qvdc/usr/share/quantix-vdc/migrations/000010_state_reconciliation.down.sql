DROP TABLE leadership, vm_conflicts, reported_pools, reported_vms, node_boots, node_states;
ALTER TABLE node_heartbeats
  DROP COLUMN clock_offset_ms,
  DROP COLUMN health,
  DROP COLUMN hypervisor,
  DROP COLUMN version,
  DROP COLUMN trust_bundle_version,
  DROP COLUMN endpoints_version,
  DROP COLUMN boot_heard_at;
ALTER TABLE nodes
  DROP COLUMN full_state_wanted_at,
  DROP COLUMN management_ip_changed_at;
-- Without an origin they would count as defined by people, whose names are unique; hosts report them again.
DELETE FROM virtual_machines WHERE origin = 'host-discovered';
DROP INDEX virtual_machines_managed_name_key;
CREATE INDEX virtual_machines_project_name_index ON virtual_machines (project_id, name);
ALTER TABLE virtual_machines
  DROP COLUMN origin,
  DROP COLUMN is_managed,
  DROP COLUMN last_seen,
  DROP COLUMN lost_reason,
  DROP COLUMN lost_at;
