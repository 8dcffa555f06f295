DROP TABLE dhcp_static_bindings, mac_registry, ip_allocations, subnet_pools;
