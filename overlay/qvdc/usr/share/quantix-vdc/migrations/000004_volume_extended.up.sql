ALTER TABLE volumes
  ADD COLUMN labels jsonb NOT NULL DEFAULT '{}'
    CONSTRAINT volumes_labels_object CHECK (jsonb_typeof(labels) = 'object'),
  ADD COLUMN spec jsonb NOT NULL DEFAULT '{}'
    CONSTRAINT volumes_spec_object CHECK (jsonb_typeof(spec) = 'object'),
  ADD COLUMN error_message text NOT NULL DEFAULT '',
  ADD COLUMN actual_size_bytes bigint CONSTRAINT volumes_actual_size_bytes_natural CHECK (actual_size_bytes >= 0),
  ADD COLUMN backend_id text NOT NULL DEFAULT '',
  ADD COLUMN device_path text NOT NULL DEFAULT '';
