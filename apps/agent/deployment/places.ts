import { AGENT_SOCKET } from '../../api/socket.ts';

/** What deploying goes by on an appliance. */
export const DEPLOYMENT_PLACES = {
  /** The record: which agent is to run. The one truth of it; replaced as a whole. */
  record: '/quantix/node/deployment.json',
  /** A folder for each agent that was deployed, named by its id. */
  programs: '/data/agent',
  /** Public keys of those whose agents are taken. */
  keys: '/usr/share/quantix/release-keys',
  /** Has `etc`, `proc` and `run`. */
  root: '/',
  /** For what lasts until the next boot: marks and locks. */
  run: '/run/quantix',
  /** Process of the service's supervisor. */
  supervisor: '/run/qx-node.pid',
  socket: AGENT_SOCKET,
};

export type DeploymentPlaces = typeof DEPLOYMENT_PLACES;

/** Files below `run`. `agent.pid` is written by the service's launcher, which becomes the agent. */
export const RUN_FILES = {
  /** There while an agent is on trial, or the one that runs is not the one that the record names. */
  unsettled: 'agent-unsettled',
  pid: 'agent.pid',
  /** When a deployed agent was started, in this boot. */
  starts: 'agent-starts.json',
  lock: 'agent-record.lock',
  /** Held by whoever deploys an agent or undoes that. */
  turn: 'agent-deploy.lock',
} as const;

/** By the launcher: the id of the deployed agent that the process is. */
export const ID_VARIABLE = 'QUANTIX_DEPLOYED_AGENT';
