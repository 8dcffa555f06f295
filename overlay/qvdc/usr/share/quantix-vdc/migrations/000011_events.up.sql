-- What happened, for whoever listens. Triggers write it in the transaction of the change itself, whoever makes that. It has
-- no number yet: numbers that are drawn while transactions run become visible out of order, and a listener that had seen the
-- greater of two would never ask for the smaller. Nor may a writer hold a lock from its first event to its commit: it would
-- wait for rows of others, and they for it.
CREATE TABLE unnumbered_events (
  draft bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL CONSTRAINT unnumbered_events_kind_form CHECK (kind ~ '^[a-z]+\.[a-z-]+$'),
  subject_type text NOT NULL CONSTRAINT unnumbered_events_subject_type_value CHECK (subject_type IN (
    'NODE', 'VM', 'POOL', 'TASK', 'ALERT', 'ROLLOUT', 'USER')),
  subject_id text NOT NULL,
  subject_name text NOT NULL DEFAULT '',
  node_id uuid,
  data jsonb NOT NULL DEFAULT '{}' CONSTRAINT unnumbered_events_data_object CHECK (jsonb_typeof(data) = 'object'),
  happened_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The same with numbers: without gaps, and visible in their order. They refer to nothing: an event outlives what it is about.
CREATE TABLE events (
  id bigint PRIMARY KEY,
  kind text NOT NULL,
  subject_type text NOT NULL CONSTRAINT events_subject_type_value CHECK (subject_type IN (
    'NODE', 'VM', 'POOL', 'TASK', 'ALERT', 'ROLLOUT', 'USER')),
  subject_id text NOT NULL,
  subject_name text NOT NULL,
  node_id uuid,
  data jsonb NOT NULL,
  happened_at timestamptz NOT NULL
);
CREATE INDEX events_subject_index ON events (subject_type, id);
CREATE INDEX events_node_id_index ON events (node_id, id) WHERE node_id IS NOT NULL;
CREATE INDEX events_happened_at_index ON events (happened_at);

-- The last number that was given, and the one from which on a listener may resume: after a smaller one, events are gone.
CREATE TABLE event_numbering (
  only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT event_numbering_only_row CHECK (only_row),
  last bigint NOT NULL DEFAULT 0,
  resumable_from bigint NOT NULL DEFAULT 0,
  CONSTRAINT event_numbering_order CHECK (0 <= resumable_from AND resumable_from <= last)
);
INSERT INTO event_numbering DEFAULT VALUES;

-- Numbers events of transactions that are committed, as many as that at most. The row of event_numbering is locked until
-- commit: one at a time gives numbers, so that whoever sees a number sees all before it. Returns how many it numbered.
CREATE FUNCTION number_events(most integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  base bigint;
  numbered bigint;
BEGIN
  SELECT last INTO STRICT base FROM event_numbering FOR UPDATE;
  -- A statement of its own, and so a look at what was committed while the lock was waited for.
  WITH taken AS (
    DELETE FROM unnumbered_events
    WHERE draft IN (SELECT draft FROM unnumbered_events ORDER BY draft LIMIT most) RETURNING *
  )
  INSERT INTO events (id, kind, subject_type, subject_id, subject_name, node_id, data, happened_at)
  SELECT base + row_number() OVER (ORDER BY draft), kind, subject_type, subject_id, subject_name, node_id, data, happened_at
  FROM taken;
  GET DIAGNOSTICS numbered = ROW_COUNT;
  IF numbered > 0 THEN
    UPDATE event_numbering SET last = base + numbered;
  END IF;
  RETURN numbered;
END
$$;

-- Whoever gives numbers listens on event_news.
CREATE FUNCTION tell_event_news() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM new_rows) THEN
    NOTIFY event_news;
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER unnumbered_events_news AFTER INSERT ON unnumbered_events
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION tell_event_news();

CREATE FUNCTION write_node_events() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO unnumbered_events (kind, subject_type, subject_id, subject_name, node_id, data)
    SELECT 'node.joined', 'NODE', id, hostname, id,
      jsonb_build_object('phase', phase, 'managementAddress', host(management_ip))
    FROM new_rows;
    RETURN NULL;
  END IF;
  INSERT INTO unnumbered_events (kind, subject_type, subject_id, subject_name, node_id, data)
  SELECT 'node.phase', 'NODE', id, n.hostname, id, jsonb_build_object('phase', n.phase, 'before', o.phase)
  FROM new_rows AS n JOIN old_rows AS o USING (id) WHERE n.phase <> o.phase
  UNION ALL
  SELECT 'node.changed', 'NODE', id, n.hostname, id,
    jsonb_build_object('managementAddress', host(n.management_ip), 'hostnameBefore', o.hostname)
  FROM new_rows AS n JOIN old_rows AS o USING (id)
  WHERE (n.hostname, n.management_ip) IS DISTINCT FROM (o.hostname, o.management_ip);
  RETURN NULL;
END
$$;
CREATE TRIGGER nodes_insert_events AFTER INSERT ON nodes
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION write_node_events();
CREATE TRIGGER nodes_update_events AFTER UPDATE ON nodes
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION write_node_events();

CREATE FUNCTION write_departure_event() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    INSERT INTO unnumbered_events (kind, subject_type, subject_id, subject_name, node_id)
    VALUES ('node.returned', 'NODE', OLD.node_id, OLD.hostname, OLD.node_id);
  ELSE
    INSERT INTO unnumbered_events (kind, subject_type, subject_id, subject_name, node_id, data)
    VALUES ('node.departed', 'NODE', NEW.node_id, NEW.hostname, NEW.node_id,
      jsonb_build_object('how', NEW.how, 'by', NEW.departed_by, 'reason', NEW.reason));
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER departed_nodes_events AFTER INSERT OR UPDATE OR DELETE ON departed_nodes
  FOR EACH ROW EXECUTE FUNCTION write_departure_event();

-- `changed` names the columns; what they hold is for those who may read it.
CREATE FUNCTION write_vm_events() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO unnumbered_events (kind, subject_type, subject_id, subject_name, node_id, data)
    SELECT CASE origin WHEN 'host-discovered' THEN 'vm.discovered' ELSE 'vm.created' END, 'VM', id, name, node_id,
      jsonb_build_object('powerState', power_state, 'nodeId', node_id, 'isManaged', is_managed)
    FROM new_rows;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO unnumbered_events (kind, subject_type, subject_id, subject_name, node_id)
    SELECT 'vm.removed', 'VM', id, name, node_id FROM old_rows;
  ELSE
    INSERT INTO unnumbered_events (kind, subject_type, subject_id, subject_name, node_id, data)
    SELECT
      CASE WHEN lost_at IS NOT NULL AND was_lost_at IS NULL THEN 'vm.lost'
        WHEN lost_at IS NULL AND was_lost_at IS NOT NULL THEN 'vm.found'
        ELSE 'vm.changed' END,
      'VM', id, name, coalesce(node_id, was_node_id),
      jsonb_strip_nulls(jsonb_build_object('changed', to_jsonb(changed), 'powerState', power_state, 'nodeId', node_id,
        'isManaged', is_managed, 'lostReason', lost_reason))
    FROM (
      SELECT n.*, o.lost_at AS was_lost_at, o.node_id AS was_node_id, array_remove(ARRAY[
        CASE WHEN n.name <> o.name THEN 'name' END,
        CASE WHEN n.power_state <> o.power_state THEN 'powerState' END,
        CASE WHEN n.node_id IS DISTINCT FROM o.node_id THEN 'nodeId' END,
        CASE WHEN n.ip_addresses <> o.ip_addresses THEN 'ipAddresses' END,
        CASE WHEN n.status_message <> o.status_message THEN 'statusMessage' END,
        CASE WHEN n.is_managed <> o.is_managed THEN 'isManaged' END,
        CASE WHEN n.description <> o.description THEN 'description' END,
        CASE WHEN n.labels <> o.labels THEN 'labels' END,
        CASE WHEN n.spec <> o.spec THEN 'spec' END,
        CASE WHEN (n.project_id, n.folder_id) IS DISTINCT FROM (o.project_id, o.folder_id) THEN 'place' END,
        CASE WHEN n.lost_at IS DISTINCT FROM o.lost_at THEN 'lostAt' END], NULL) AS changed
      FROM new_rows AS n JOIN old_rows AS o USING (id)
    ) AS vm
    WHERE changed <> '{}';
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER virtual_machines_insert_events AFTER INSERT ON virtual_machines
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION write_vm_events();
CREATE TRIGGER virtual_machines_update_events AFTER UPDATE ON virtual_machines
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION write_vm_events();
CREATE TRIGGER virtual_machines_delete_events AFTER DELETE ON virtual_machines
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION write_vm_events();

CREATE FUNCTION write_pool_events() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO unnumbered_events (kind, subject_type, subject_id, subject_name, node_id, data)
    SELECT CASE origin WHEN 'host-discovered' THEN 'pool.discovered' ELSE 'pool.created' END, 'POOL', id, name,
      host_node_id, jsonb_build_object('phase', phase)
    FROM new_rows;
  ELSIF TG_OP = 'DELETE' THEN
    INSERT INTO unnumbered_events (kind, subject_type, subject_id, subject_name, node_id)
    SELECT 'pool.removed', 'POOL', id, name, host_node_id FROM old_rows;
  ELSE
    -- How full a pool is changes with each heartbeat, and is no event.
    INSERT INTO unnumbered_events (kind, subject_type, subject_id, subject_name, node_id, data)
    SELECT 'pool.changed', 'POOL', id, n.name, n.host_node_id, jsonb_build_object('phase', n.phase, 'before', o.phase)
    FROM new_rows AS n JOIN old_rows AS o USING (id)
    WHERE (n.name, n.phase, n.is_managed, n.description, n.labels, n.spec, n.assigned_node_ids)
      IS DISTINCT FROM (o.name, o.phase, o.is_managed, o.description, o.labels, o.spec, o.assigned_node_ids);
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER storage_pools_insert_events AFTER INSERT ON storage_pools
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION write_pool_events();
CREATE TRIGGER storage_pools_update_events AFTER UPDATE ON storage_pools
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION write_pool_events();
CREATE TRIGGER storage_pools_delete_events AFTER DELETE ON storage_pools
  REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION write_pool_events();

-- Of progress, each tenth. A request and a result may hold what is nobody's business.
CREATE FUNCTION write_task_events() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO unnumbered_events (kind, subject_type, subject_id, subject_name, node_id, data)
    SELECT 'task.created', 'TASK', id, verb, node_id, jsonb_build_object('state', state, 'objectType', object_type,
      'objectId', object_id, 'requestedBy', requested_by)
    FROM new_rows;
    RETURN NULL;
  END IF;
  INSERT INTO unnumbered_events (kind, subject_type, subject_id, subject_name, node_id, data)
  SELECT 'task.changed', 'TASK', id, n.verb, n.node_id, jsonb_strip_nulls(jsonb_build_object('state', n.state,
    'progress', n.progress, 'objectType', n.object_type, 'objectId', n.object_id, 'errorCode', n.error_code,
    'errorMessage', n.error_message, 'isCancelRequested', n.cancel_requested_at IS NOT NULL))
  FROM new_rows AS n JOIN old_rows AS o USING (id)
  WHERE n.state <> o.state OR n.progress / 10 <> o.progress / 10
    OR (n.cancel_requested_at IS NULL) <> (o.cancel_requested_at IS NULL);
  RETURN NULL;
END
$$;
CREATE TRIGGER tasks_insert_events AFTER INSERT ON tasks
  REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION write_task_events();
CREATE TRIGGER tasks_update_events AFTER UPDATE ON tasks
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION write_task_events();

CREATE FUNCTION write_alert_events() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  told text;
BEGIN
  IF TG_OP = 'INSERT' THEN
    told := 'alert.raised';
  ELSIF OLD.resolved_at IS NULL AND NEW.resolved_at IS NOT NULL THEN
    told := 'alert.cleared';
  ELSIF OLD.acknowledged_at IS NULL AND NEW.acknowledged_at IS NOT NULL THEN
    told := 'alert.acknowledged';
  ELSIF (OLD.severity, OLD.message) IS DISTINCT FROM (NEW.severity, NEW.message) THEN
    told := 'alert.changed';
  ELSE
    RETURN NULL;
  END IF;
  INSERT INTO unnumbered_events (kind, subject_type, subject_id, subject_name, node_id, data)
  VALUES (told, 'ALERT', NEW.id, NEW.title, CASE NEW.source_type WHEN 'HOST' THEN NEW.source_id END,
    jsonb_build_object('severity', NEW.severity, 'message', NEW.message, 'sourceType', NEW.source_type,
      'sourceId', NEW.source_id, 'sourceName', NEW.source_name, 'acknowledgedBy', NEW.acknowledged_by));
  RETURN NULL;
END
$$;
CREATE TRIGGER alerts_events AFTER INSERT OR UPDATE ON alerts FOR EACH ROW EXECUTE FUNCTION write_alert_events();

CREATE FUNCTION write_rollout_events() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND (OLD.state, OLD.reason, OLD.percentage) IS NOT DISTINCT FROM (NEW.state, NEW.reason, NEW.percentage) THEN
    RETURN NULL;
  END IF;
  INSERT INTO unnumbered_events (kind, subject_type, subject_id, subject_name, data)
  VALUES (CASE TG_OP WHEN 'INSERT' THEN 'rollout.started' ELSE 'rollout.changed' END, 'ROLLOUT', NEW.id,
    concat_ws(' ', NEW.product, NEW.version),
    jsonb_build_object('state', NEW.state, 'reason', NEW.reason, 'percentage', NEW.percentage));
  RETURN NULL;
END
$$;
CREATE TRIGGER update_rollouts_events AFTER INSERT OR UPDATE ON update_rollouts
  FOR EACH ROW EXECUTE FUNCTION write_rollout_events();

CREATE FUNCTION write_rollout_host_event() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO unnumbered_events (kind, subject_type, subject_id, subject_name, node_id, data)
  SELECT 'rollout.host', 'ROLLOUT', id, concat_ws(' ', product, version), NEW.node_id,
    jsonb_build_object('state', NEW.state, 'before', OLD.state, 'message', NEW.message)
  FROM update_rollouts WHERE id = NEW.rollout_id;
  RETURN NULL;
END
$$;
CREATE TRIGGER update_rollout_hosts_events AFTER UPDATE ON update_rollout_hosts
  FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION write_rollout_host_event();

-- Who is told of alerts, and through which event. `lost` counts what was given up because too much had piled up.
CREATE TABLE alert_receivers (
  name text PRIMARY KEY,
  delivered_through bigint NOT NULL,
  lost bigint NOT NULL DEFAULT 0,
  problem text NOT NULL DEFAULT '',
  failing_since timestamptz,
  delivered_at timestamptz,
  CONSTRAINT alert_receivers_failing_has_problem CHECK ((failing_since IS NULL) = (problem = ''))
);

-- The end of the audit log, so that entries removed there are missed, too.
CREATE TABLE audit_log_head (
  only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT audit_log_head_only_row CHECK (only_row),
  sequence bigint NOT NULL,
  hash bytea NOT NULL
);
INSERT INTO audit_log_head (sequence, hash)
SELECT coalesce(max(sequence), 0), coalesce((SELECT hash FROM audit_log ORDER BY sequence DESC LIMIT 1), '\x')
FROM audit_log;
CREATE OR REPLACE FUNCTION chain_audit_log() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
  last record;
BEGIN
  -- One writer at a time until it commits, or two rows would follow the same one.
  SELECT sequence, hash INTO STRICT last FROM audit_log_head FOR UPDATE;
  NEW.sequence := last.sequence + 1;
  NEW.previous_hash := last.hash;
  NEW.hash := sha256(NEW.previous_hash || audit_log_content(NEW));
  UPDATE audit_log_head SET sequence = NEW.sequence, hash = NEW.hash;
  RETURN NEW;
END
$$;
-- Its owner may take these rights back, and then there is still the trigger.
REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM CURRENT_USER;
CREATE INDEX audit_log_action_index ON audit_log (action, sequence);
