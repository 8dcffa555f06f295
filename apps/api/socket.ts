/** Unix socket of the agent; only root may open it. */
export const AGENT_SOCKET = '/run/quantix/node.sock';
