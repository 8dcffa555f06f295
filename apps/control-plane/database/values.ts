const POWER_STATES = [
  ...(['UNKNOWN', 'RUNNING', 'BLOCKED', 'PAUSED'] as const),
  ...(['SHUTTING_DOWN', 'SHUT_OFF', 'CRASHED', 'SUSPENDED'] as const),
] as const;

/**
 * The value sets of the schema: TABLE_COLUMN → its values, as in the CHECK constraint `TABLE_COLUMN_value`. If the
 * agents' protocol has the same set, the values are the names of its enum without their prefix.
 */
export const VALUE_SETS = {
  admin_emails_role: ['primary', 'secondary', 'billing', 'security'],
  alerts_severity: ['CRITICAL', 'WARNING', 'INFO'],
  alerts_source_type: ['HOST', 'VM', 'STORAGE', 'NETWORK', 'CLUSTER', 'CONTROL_PLANE'],
  audit_log_status: ['success', 'failure'],
  clusters_drs_automation: ['MANUAL', 'PARTIAL', 'FULL'],
  customization_specs_type: ['LINUX', 'WINDOWS'],
  departed_nodes_how: ['DELETED', 'LEFT'],
  drs_recommendations_priority: ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW'],
  drs_recommendations_recommendation_type: ['MIGRATE', 'POWER_ON', 'POWER_OFF'],
  drs_recommendations_status: ['PENDING', 'APPROVED', 'APPLIED', 'REJECTED'],
  events_subject_type: ['NODE', 'VM', 'POOL', 'TASK', 'ALERT', 'ROLLOUT', 'USER'],
  folders_type: ['VM', 'DATASTORE', 'NETWORK', 'HOST'],
  global_rules_category: ['compute', 'storage', 'network', 'security'],
  images_format: ['RAW', 'QCOW2', 'VMDK', 'VHD', 'ISO', 'OVA'],
  images_os_family: ['UNKNOWN', 'LINUX', 'WINDOWS', 'BSD', 'OTHER'],
  images_phase: [
    ...(['PENDING', 'DOWNLOADING', 'EXTRACTING', 'PARSING', 'CONVERTING'] as const),
    ...(['READY', 'ERROR', 'DELETING'] as const),
  ],
  images_visibility: ['PRIVATE', 'PROJECT', 'PUBLIC'],
  ip_allocations_allocation_type: ['gateway', 'broadcast', 'reserved', 'static', 'dynamic'],
  nodes_phase: [
    ...(['UNKNOWN', 'PENDING', 'READY', 'NOT_READY'] as const),
    ...(['MAINTENANCE', 'DRAINING', 'ERROR', 'DISCONNECTED'] as const),
  ],
  pool_host_statuses_health: ['UNKNOWN', 'HEALTHY', 'DEGRADED', 'FAILED', 'UNMOUNTED'],
  reported_vms_power_state: POWER_STATES,
  roles_type: ['system', 'custom'],
  security_rules_action: ['ALLOW', 'DENY'],
  security_rules_direction: ['INBOUND', 'OUTBOUND'],
  security_rules_protocol: ['TCP', 'UDP', 'ICMP', 'ANY'],
  sso_configs_provider_type: ['oidc', 'saml', 'ldap'],
  storage_pools_origin: ['control-plane', 'host-discovered', 'imported'],
  storage_pools_phase: ['PENDING', 'READY', 'DEGRADED', 'ERROR', 'DELETING'],
  storage_pools_pool_type: ['UNKNOWN', 'DIRECTORY', 'FILESYSTEM', 'LVM', 'NFS'],
  tasks_error_code: [
    ...(['UNSPECIFIED', 'UNSUPPORTED', 'INVALID', 'NOT_FOUND', 'CONFLICT', 'EXPIRED'] as const),
    ...(['TIMEOUT', 'UNAVAILABLE', 'INTERRUPTED', 'OUTDATED', 'CANCELED', 'MAINTENANCE'] as const),
  ],
  tasks_object_type: ['VM', 'VOLUME', 'POOL', 'INTERFACE', 'NODE'],
  tasks_state: ['QUEUED', 'SENT', 'ACCEPTED', 'RUNNING', 'DONE', 'FAILED', 'CANCELED'],
  tasks_verb: [
    ...(['defineVm', 'startVm', 'shutdownVm', 'stopVm', 'rebootVm', 'undefineVm'] as const),
    ...(['createVolume', 'deleteVolume', 'mountPool', 'unmountPool'] as const),
    ...(['configureNetwork', 'setMaintenance', 'updateHost'] as const),
  ],
  unnumbered_events_subject_type: ['NODE', 'VM', 'POOL', 'TASK', 'ALERT', 'ROLLOUT', 'USER'],
  update_rollout_hosts_state: ['WAITING', 'UNDER_WAY', 'DONE', 'FAILED', 'SKIPPED'],
  update_rollouts_state: ['RUNNING', 'PAUSED', 'DONE', 'ENDED'],
  users_role: ['admin', 'operator', 'viewer'],
  virtual_machines_origin: ['control-plane', 'host-discovered', 'imported'],
  virtual_machines_power_state: POWER_STATES,
  virtual_networks_network_type: ['VLAN', 'OVERLAY', 'EXTERNAL'],
  virtual_networks_phase: ['CREATING', 'READY', 'ERROR', 'DELETING'],
  vm_snapshots_state: ['CREATING', 'READY', 'REVERTING', 'ERROR', 'DELETING'],
  volumes_phase: ['CREATING', 'READY', 'IN_USE', 'RESIZING', 'ERROR', 'DELETING'],
  volumes_provisioning: ['THIN', 'THICK'],
} as const;

/** A value of one of the sets. */
export type ValueOf<Set extends keyof typeof VALUE_SETS> = (typeof VALUE_SETS)[Set][number];
