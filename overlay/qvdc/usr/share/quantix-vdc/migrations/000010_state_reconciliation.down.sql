DROP TABLE leadership, node_states;
ALTER TABLE nodes
  DROP COLUMN full_state_wanted_at,
  DROP COLUMN management_ip_changed_at;
DROP INDEX virtual_machines_managed_name_key;
CREATE INDEX virtual_machines_project_name_index ON virtual_machines (project_id, name);
ALTER TABLE virtual_machines
  DROP COLUMN origin,
  DROP COLUMN is_managed,
  DROP COLUMN last_seen,
  DROP COLUMN lost_reason,
  DROP COLUMN lost_at;
