DROP TABLE pool_host_statuses;
