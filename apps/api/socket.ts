/** Where the agent listens: a Unix socket that only root may open. */
export const AGENT_SOCKET = '/run/quantix/node.sock';
