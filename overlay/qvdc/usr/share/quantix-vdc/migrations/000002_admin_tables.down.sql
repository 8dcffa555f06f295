DROP TABLE tasks, departed_nodes, join_token_uses, join_tokens;
DROP TABLE certificates, global_rules, admin_emails, organizations, sso_configs, api_keys, user_roles, roles;
