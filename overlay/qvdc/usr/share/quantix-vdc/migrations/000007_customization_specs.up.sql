CREATE TABLE customization_specs (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  name text NOT NULL CONSTRAINT customization_specs_name_length CHECK (length(name) BETWEEN 1 AND 255),
  description text NOT NULL DEFAULT '',
  project_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000001' REFERENCES projects (id) ON DELETE CASCADE,
  type text NOT NULL DEFAULT 'LINUX'
    CONSTRAINT customization_specs_type_value CHECK (type IN ('LINUX', 'WINDOWS')),
  linux_spec jsonb,
  windows_spec jsonb,
  network jsonb NOT NULL DEFAULT '{}',
  install_agent boolean NOT NULL DEFAULT false,
  labels jsonb NOT NULL DEFAULT '{}'
    CONSTRAINT customization_specs_labels_object CHECK (jsonb_typeof(labels) = 'object'),
  created_by text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT customization_specs_project_id_name_key UNIQUE (project_id, name),
  CONSTRAINT customization_specs_fits_type CHECK (
    (linux_spec IS NOT NULL) = (type = 'LINUX') AND (windows_spec IS NOT NULL) = (type = 'WINDOWS'))
);
CREATE TRIGGER customization_specs_updated_at BEFORE UPDATE ON customization_specs
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

INSERT INTO customization_specs (id, name, description, type, linux_spec, windows_spec, install_agent) VALUES
  ('20000000-0000-0000-0000-000000000001', 'Default Linux', 'Host name of the virtual machine, UTC', 'LINUX',
    '{"timezone": "UTC", "hostname_template": "{{name}}"}', NULL, true),
  ('20000000-0000-0000-0000-000000000002', 'Default Windows', 'In the workgroup WORKGROUP, UTC', 'WINDOWS',
    NULL, '{"timezone": "UTC", "workgroup": "WORKGROUP"}', true);
