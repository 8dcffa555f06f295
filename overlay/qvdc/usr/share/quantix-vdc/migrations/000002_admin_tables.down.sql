DROP TABLE announcements, update_rollout_hosts, update_rollouts, tasks, departed_nodes, join_token_uses, join_tokens;
DROP FUNCTION tell_node_news();
DROP TABLE certificates, global_rules, admin_emails, organizations, sso_configs, api_keys, user_roles, roles;
