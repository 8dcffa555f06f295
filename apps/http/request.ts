import { type ClientRequest, type IncomingMessage, type RequestOptions, request } from 'node:http';
import { connect } from 'node:net';

/**
 * Starts a request to a program on its Unix socket, like `request` of node:http. Does not use an http.Agent: to find a
 * server's name, it compiles a pattern that costs more than the rest of the request.
 */
export function requestOn(
  socket: string,
  options: RequestOptions,
  onResponse: (response: IncomingMessage) => void,
): ClientRequest {
  return request({ ...options, createConnection: () => connect(socket) }, onResponse);
}
