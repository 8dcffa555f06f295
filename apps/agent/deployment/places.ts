import { AGENT_SOCKET } from '../../api/socket.ts';

/** Files and folders of an appliance that deployments use. */
export const DEPLOYMENT_PLACES = {
  /** The record of the chosen agent; replaced atomically. */
  record: '/quantix/node/deployment.json',
  /** Folder with a subfolder for each deployed agent, named by its id. */
  programs: '/data/agent',
  /** Public keys with which agents may be signed. */
  keys: '/usr/share/quantix/release-keys',
  /** Folder that contains `etc`, `proc` and `run`. */
  root: '/',
  /** Folder of marks and locks, which last until the next boot. */
  run: '/run/quantix',
  /** PID file of the service's supervisor. */
  supervisor: '/run/qx-node.pid',
  socket: AGENT_SOCKET,
};

export type DeploymentPlaces = typeof DEPLOYMENT_PLACES;

/** Files below `run`. `agent.pid` is written by the service's launcher, which then executes the agent. */
export const RUN_FILES = {
  /** Exists while an agent is on trial, or the running agent is not the one in the record. */
  unsettled: 'agent-unsettled',
  pid: 'agent.pid',
  /** Start times of a deployed agent in this boot. */
  starts: 'agent-starts.json',
  lock: 'agent-record.lock',
  /** Held during a deployment and its undoing. */
  deployment: 'agent-deploy.lock',
} as const;

/** Environment variable in which the launcher passes the id of the deployed agent that it executes. */
export const ID_VARIABLE = 'QUANTIX_DEPLOYED_AGENT';
