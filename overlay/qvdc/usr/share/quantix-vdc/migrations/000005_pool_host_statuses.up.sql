-- How a pool fares on each host that reported it: one row a pair, which a report replaces.
CREATE TABLE pool_host_statuses (
  pool_id uuid NOT NULL REFERENCES storage_pools (id) ON DELETE CASCADE,
  node_id uuid NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
  health text NOT NULL DEFAULT 'UNKNOWN' CONSTRAINT pool_host_statuses_health_value CHECK (health IN (
    'UNKNOWN', 'HEALTHY', 'DEGRADED', 'FAILED', 'UNMOUNTED')),
  mount_path text NOT NULL DEFAULT '',
  problem text NOT NULL DEFAULT '',
  total_bytes bigint CONSTRAINT pool_host_statuses_total_bytes_natural CHECK (total_bytes >= 0),
  used_bytes bigint CONSTRAINT pool_host_statuses_used_bytes_natural CHECK (used_bytes >= 0),
  available_bytes bigint CONSTRAINT pool_host_statuses_available_bytes_natural CHECK (available_bytes >= 0),
  reported_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (pool_id, node_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX pool_host_statuses_node_id_index ON pool_host_statuses (node_id);
