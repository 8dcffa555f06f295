-- Addresses of virtual networks. How many are taken is counted, not kept; a free one is taken by inserting it, so that two
-- who ask at once never get the same one. MAC addresses are drawn by the program.

CREATE TABLE subnet_pools (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  network_id uuid NOT NULL REFERENCES virtual_networks (id) ON DELETE CASCADE,
  cidr cidr NOT NULL,
  gateway inet NOT NULL,
  alloc_start inet NOT NULL,
  alloc_end inet NOT NULL,
  dhcp_enabled boolean NOT NULL DEFAULT true,
  dns_servers inet[] NOT NULL DEFAULT '{}',
  ntp_servers inet[] NOT NULL DEFAULT '{}',
  domain_name text,
  lease_seconds integer NOT NULL DEFAULT 86400
    CONSTRAINT subnet_pools_lease_seconds_range CHECK (lease_seconds BETWEEN 60 AND 31536000),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT subnet_pools_network_id_key UNIQUE (network_id),
  CONSTRAINT subnet_pools_addresses_in_cidr CHECK (
    gateway <<= cidr AND alloc_start <<= cidr AND alloc_end <<= cidr AND alloc_start <= alloc_end)
);
CREATE TRIGGER subnet_pools_updated_at BEFORE UPDATE ON subnet_pools FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE ip_allocations (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  network_id uuid NOT NULL REFERENCES virtual_networks (id) ON DELETE CASCADE,
  pool_id uuid NOT NULL REFERENCES subnet_pools (id) ON DELETE CASCADE,
  port_id uuid,
  ip_address inet NOT NULL,
  mac_address macaddr,
  hostname text,
  allocation_type text NOT NULL DEFAULT 'dynamic' CONSTRAINT ip_allocations_allocation_type_value CHECK (
    allocation_type IN ('gateway', 'broadcast', 'reserved', 'static', 'dynamic')),
  description text NOT NULL DEFAULT '',
  expires_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ip_allocations_network_id_ip_address_key UNIQUE (network_id, ip_address)
);
CREATE INDEX ip_allocations_pool_id_index ON ip_allocations (pool_id);
CREATE TRIGGER ip_allocations_updated_at BEFORE UPDATE ON ip_allocations
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE mac_registry (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  mac_address macaddr NOT NULL,
  port_id uuid,
  vm_id uuid REFERENCES virtual_machines (id) ON DELETE CASCADE,
  project_id uuid REFERENCES projects (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT mac_registry_mac_address_key UNIQUE (mac_address)
);
CREATE INDEX mac_registry_vm_id_index ON mac_registry (vm_id);

CREATE TABLE dhcp_static_bindings (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  network_id uuid NOT NULL REFERENCES virtual_networks (id) ON DELETE CASCADE,
  pool_id uuid NOT NULL REFERENCES subnet_pools (id) ON DELETE CASCADE,
  mac_address macaddr NOT NULL,
  ip_address inet NOT NULL,
  hostname text,
  description text NOT NULL DEFAULT '',
  enabled boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT dhcp_static_bindings_network_id_mac_address_key UNIQUE (network_id, mac_address),
  CONSTRAINT dhcp_static_bindings_network_id_ip_address_key UNIQUE (network_id, ip_address)
);
CREATE INDEX dhcp_static_bindings_pool_id_index ON dhcp_static_bindings (pool_id);
CREATE TRIGGER dhcp_static_bindings_updated_at BEFORE UPDATE ON dhcp_static_bindings
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();
