/** Milliseconds after which an event that did not happen is a failure. */
const DEADLINE = 45_000;

/** Milliseconds between two checks. */
const INTERVAL = 20;

/**
 * Repeats a check until it succeeds.
 * @param what the event, as a clause, for the error
 * @param look returns `undefined` or throws until the event has happened
 */
export async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + DEADLINE;
  for (;;) {
    const found = await look().catch((error: unknown) => {
      if (Date.now() > deadline) throw error;
      return undefined;
    });
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`not within ${DEADLINE} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, INTERVAL));
  }
}
