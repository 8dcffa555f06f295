-- Who brought a pool: people, through the control plane, or a host that reported it. Only managed pools are assigned,
-- mounted and deleted by the control plane.
ALTER TABLE storage_pools
  ADD COLUMN origin text NOT NULL DEFAULT 'control-plane' CONSTRAINT storage_pools_origin_value CHECK (
    origin IN ('control-plane', 'host-discovered', 'imported')),
  ADD COLUMN is_managed boolean NOT NULL DEFAULT true,
  -- What a host calls it: a UUID where the pool has one. Set on pools that hosts reported.
  ADD COLUMN host_pool_id text,
  -- The host whose own it is; NULL for one that hosts share.
  ADD COLUMN host_node_id uuid,
  ADD CONSTRAINT storage_pools_discovered_is_unmanaged CHECK (origin <> 'host-discovered' OR NOT is_managed);
CREATE UNIQUE INDEX storage_pools_host_pool_id_key ON storage_pools (host_pool_id, host_node_id) NULLS NOT DISTINCT
  WHERE host_pool_id IS NOT NULL;
CREATE UNIQUE INDEX storage_pools_managed_name_key ON storage_pools (project_id, name) WHERE is_managed;
