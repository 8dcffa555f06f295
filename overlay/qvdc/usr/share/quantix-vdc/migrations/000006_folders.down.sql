ALTER TABLE virtual_machines DROP COLUMN folder_id;
DROP TABLE folders;
