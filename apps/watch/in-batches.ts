/** An item that awaits its result. */
interface Waiting<Item, Result> {
  readonly item: Item;
  readonly done: PromiseWithResolvers<Result>;
}

export interface BatchOptions<Item> {
  /** Returns the key of an item. A batch has at most one item per key: items of one key are processed in order. */
  readonly keyOf: (item: Item) => string;
  /** Maximum number of items of a batch. */
  readonly most: number;
}

/**
 * Processes items in batches: those that arrive while a batch is processed are collected for the next one.
 * @param process returns the results by key; if it throws, all items of the batch fail with its error
 * @returns a function that resolves with the result of an item
 */
export function processInBatches<Item, Result>(
  process: (items: readonly Item[]) => Promise<ReadonlyMap<string, Result>>,
  { keyOf, most }: BatchOptions<Item>,
): (item: Item) => Promise<Result> {
  let waiting: Waiting<Item, Result>[] = [];
  let isAtWork = false;
  const next = () => {
    const batch = new Map<string, Waiting<Item, Result>>();
    const later: Waiting<Item, Result>[] = [];
    for (const one of waiting) {
      const key = keyOf(one.item);
      if (batch.size < most && !batch.has(key)) batch.set(key, one);
      else later.push(one);
    }
    waiting = later;
    return batch;
  };
  const work = async () => {
    isAtWork = true;
    while (waiting.length > 0) {
      const batch = next();
      try {
        const results = await process([...batch.values()].map(({ item }) => item));
        for (const [key, { done }] of batch) done.resolve(results.get(key)!);
      } catch (error) {
        for (const { done } of batch.values()) done.reject(error);
      }
    }
    isAtWork = false;
  };
  return async (item) => {
    const done = Promise.withResolvers<Result>();
    waiting.push({ item, done });
    if (!isAtWork) void work();
    return await done.promise;
  };
}
