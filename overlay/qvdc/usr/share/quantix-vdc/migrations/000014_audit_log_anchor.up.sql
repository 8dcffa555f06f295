-- Where the audit log begins: number and hash of the last entry that was removed for its age; 0 while none was.
CREATE TABLE audit_log_anchor (
  only_row boolean PRIMARY KEY DEFAULT true CONSTRAINT audit_log_anchor_only_row CHECK (only_row),
  sequence bigint NOT NULL,
  hash bytea NOT NULL
);
INSERT INTO audit_log_anchor (sequence, hash) VALUES (0, '\x');
-- Entries were removed before, if this migration was taken back: the log says which.
UPDATE audit_log_anchor SET sequence = (moved.details->>'through')::bigint, hash = decode(moved.details->>'hash', 'hex')
FROM (SELECT details FROM audit_log WHERE action = 'audit.pruned' ORDER BY sequence DESC LIMIT 1) AS moved;
REVOKE DELETE, TRUNCATE ON audit_log_anchor FROM CURRENT_USER;

-- It moves forward only, to an entry that is there, and the log says that it did.
CREATE FUNCTION move_audit_log_anchor() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.sequence <= OLD.sequence OR NOT EXISTS (
    SELECT FROM audit_log WHERE sequence = NEW.sequence AND hash = NEW.hash
  ) THEN
    RAISE EXCEPTION 'the audit log begins elsewhere' USING ERRCODE = 'insufficient_privilege';
  END IF;
  INSERT INTO audit_log (action, details, sequence, previous_hash, hash)
  VALUES ('audit.pruned', jsonb_build_object('from', OLD.sequence + 1, 'through', NEW.sequence,
    'hash', encode(NEW.hash, 'hex')), 0, '\x', '\x');
  RETURN NEW;
END
$$;
CREATE TRIGGER audit_log_anchor_moves BEFORE UPDATE ON audit_log_anchor
  FOR EACH ROW EXECUTE FUNCTION move_audit_log_anchor();

-- Entries up to the anchor may be removed, and no other.
CREATE FUNCTION refuse_audit_log_removal() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.sequence > (SELECT sequence FROM audit_log_anchor) THEN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN OLD;
END
$$;
DROP TRIGGER audit_log_append_only ON audit_log;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_log_removal BEFORE DELETE ON audit_log
  FOR EACH ROW EXECUTE FUNCTION refuse_audit_log_removal();
GRANT DELETE ON audit_log TO CURRENT_USER;
