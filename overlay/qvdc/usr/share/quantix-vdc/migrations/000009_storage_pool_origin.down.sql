ALTER TABLE storage_pools
  DROP COLUMN origin,
  DROP COLUMN is_managed,
  DROP COLUMN host_node_id,
  DROP COLUMN host_pool_id;
