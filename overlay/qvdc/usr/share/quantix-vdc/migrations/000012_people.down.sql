DROP INDEX virtual_machines_name_index, virtual_machines_power_state_index, virtual_machines_created_at_index;
UPDATE roles SET permissions = ARRAY(
    SELECT one FROM unnest(permissions) WITH ORDINALITY AS held (one, place)
    WHERE one NOT IN ('task:read', 'task:cancel', 'alert:read', 'alert:update', 'event:read', 'metrics:read') ORDER BY place);
DROP TABLE idempotent_requests, sessions;
