import { AgentError } from './error.ts';

/**
 * Reads the address of a control plane as a person writes it.
 * @returns `https://host` or `https://host:port`
 * @throws AgentError if it is anything else
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
  return url.origin;
}
