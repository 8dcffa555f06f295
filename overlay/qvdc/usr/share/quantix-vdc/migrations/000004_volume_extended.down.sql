ALTER TABLE volumes
  DROP COLUMN labels,
  DROP COLUMN spec,
  DROP COLUMN error_message,
  DROP COLUMN actual_size_bytes,
  DROP COLUMN backend_id,
  DROP COLUMN device_path;
