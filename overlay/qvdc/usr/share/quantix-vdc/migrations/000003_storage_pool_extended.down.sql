ALTER TABLE storage_pools
  DROP COLUMN project_id,
  DROP COLUMN labels,
  DROP COLUMN assigned_node_ids,
  DROP COLUMN error_message,
  DROP COLUMN volume_count;
