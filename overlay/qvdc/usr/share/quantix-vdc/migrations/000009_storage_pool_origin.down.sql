-- Without an origin they would count as defined by people, whose names are unique; hosts report them again.
DELETE FROM volumes USING storage_pools
  WHERE storage_pools.id = volumes.pool_id AND storage_pools.origin = 'host-discovered';
DELETE FROM storage_pools WHERE origin = 'host-discovered';
ALTER TABLE storage_pools
  DROP COLUMN origin,
  DROP COLUMN is_managed,
  DROP COLUMN host_node_id,
  DROP COLUMN host_pool_id;
