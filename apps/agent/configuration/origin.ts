import { NODE_PORT } from '../../proto/names.ts';
import { AgentError } from './error.ts';

/**
 * Parses the address of a control plane as a person writes it.
 * @returns `https://host:port`
 * @throws AgentError if the text is not such an address
 */
export function parseOrigin(text: string): string {
  const url = URL.parse(text);
  const plain = url !== null && /^https:\/\/[^/?#@\\\s]+\/?$/i.test(text);
  if (!plain || url.protocol !== 'https:') {
    throw new AgentError({
      what: `"${text}" is not the address of a control plane`,
      fix: 'Write https://host or https://host:port.',
    });
  }
  // Not `url.port`, which is empty for 443.
  const [, written] = /:(\d+)\/?$/.exec(text) ?? [];
  return `https://${url.hostname}:${Number(written ?? NODE_PORT)}`;
}
