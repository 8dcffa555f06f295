DROP TABLE images, vm_snapshots, audit_log, users, drs_recommendations, alerts, vm_security_groups, security_rules,
  security_groups, virtual_networks, volumes, storage_pools, virtual_machines, node_heartbeats, nodes, clusters, projects CASCADE;
DROP FUNCTION refuse_change();
DROP FUNCTION chain_audit_log();
DROP FUNCTION set_updated_at();
