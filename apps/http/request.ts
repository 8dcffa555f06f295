import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { connect } from 'node:net';

/**
 * Begins a request to the agent on its Unix socket, like `request` of node:http. Not by an http.Agent: to look for a
 * server's name, that compiles a pattern which costs more than all the rest.
 */
export function requestOn(
  socket: string,
  options: RequestOptions,
  onResponse: (response: IncomingMessage) => void,
): ClientRequest {
  return request({ ...options, createConnection: () => connect(socket) }, onResponse);
}
