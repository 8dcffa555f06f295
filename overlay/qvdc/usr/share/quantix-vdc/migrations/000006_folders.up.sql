CREATE TABLE folders (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CONSTRAINT folders_name_length CHECK (length(name) BETWEEN 1 AND 255),
  parent_id uuid REFERENCES folders (id) ON DELETE CASCADE,
  project_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000001' REFERENCES projects (id) ON DELETE CASCADE,
  type text NOT NULL DEFAULT 'VM' CONSTRAINT folders_type_value CHECK (type IN (
    'VM', 'DATASTORE', 'NETWORK', 'HOST')),
  description text NOT NULL DEFAULT '',
  labels jsonb NOT NULL DEFAULT '{}' CONSTRAINT folders_labels_object CHECK (jsonb_typeof(labels) = 'object'),
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT folders_parent_is_another CHECK (parent_id <> id),
  -- Names are unique among top folders too, whose parent is NULL.
  CONSTRAINT folders_name_key UNIQUE NULLS NOT DISTINCT (project_id, parent_id, name)
);
CREATE INDEX folders_parent_id_index ON folders (parent_id);
CREATE TRIGGER folders_updated_at BEFORE UPDATE ON folders FOR EACH ROW EXECUTE FUNCTION set_updated_at();

ALTER TABLE virtual_machines ADD COLUMN folder_id uuid REFERENCES folders (id) ON DELETE SET NULL;
CREATE INDEX virtual_machines_folder_id_index ON virtual_machines (folder_id);

INSERT INTO folders (id, name, description) VALUES
  ('10000000-0000-0000-0000-000000000001', 'Virtual Machines', ''),
  ('10000000-0000-0000-0000-000000000002', 'Templates', ''),
  ('10000000-0000-0000-0000-000000000003', 'Discovered VMs', 'What hosts reported and nobody adopted yet');
