DROP TABLE dhcp_static_bindings, mac_registry, ip_allocations, subnet_pools;
DROP TYPE ip_allocation_type;
