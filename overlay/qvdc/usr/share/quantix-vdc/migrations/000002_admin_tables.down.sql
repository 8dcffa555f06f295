DROP TABLE certificates, global_rules, admin_emails, organizations, sso_configs, api_keys, user_roles, roles;
