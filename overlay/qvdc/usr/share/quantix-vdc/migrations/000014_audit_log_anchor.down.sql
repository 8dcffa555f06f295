REVOKE DELETE ON audit_log FROM CURRENT_USER;
DROP TRIGGER audit_log_removal ON audit_log;
DROP TRIGGER audit_log_append_only ON audit_log;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
DROP FUNCTION refuse_audit_log_removal();
DROP TABLE audit_log_anchor;
DROP FUNCTION move_audit_log_anchor();
