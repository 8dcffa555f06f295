ALTER TABLE storage_pools
  ADD COLUMN project_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000001'
    REFERENCES projects (id) ON DELETE RESTRICT,
  ADD COLUMN labels jsonb NOT NULL DEFAULT '{}'
    CONSTRAINT storage_pools_labels_object CHECK (jsonb_typeof(labels) = 'object'),
  -- The nodes that should have it mounted.
  ADD COLUMN assigned_node_ids uuid[] NOT NULL DEFAULT '{}',
  ADD COLUMN error_message text NOT NULL DEFAULT '',
  ADD COLUMN volume_count integer CONSTRAINT storage_pools_volume_count_natural CHECK (volume_count >= 0);
CREATE INDEX storage_pools_project_id_index ON storage_pools (project_id);
CREATE INDEX storage_pools_labels_index ON storage_pools USING gin (labels);
CREATE INDEX storage_pools_assigned_node_ids_index ON storage_pools USING gin (assigned_node_ids);
