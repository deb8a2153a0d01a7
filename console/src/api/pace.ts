// Some answers read every friend of the account. How often they are asked for again goes by what they took: a shop of
// a hundred thousand friends is not read every few seconds for a page that somebody left open.
const TOOK = new Map<string, number>();

/** Ask, and remember how long it took. */
export async function timed<T>(name: string, ask: () => Promise<T>): Promise<T> {
  const began = performance.now();
  try {
    return await ask();
  } finally {
    TOOK.set(name, performance.now() - began);
  }
}

const MOST = 15_000;

/** When to ask again: not before `least` ms, and ten times as long as the answer took when that is more than half a second. */
export function pace(name: string, least: number): number {
  const took = TOOK.get(name) ?? 0;
  return took < 500 ? least : Math.max(least, Math.min(MOST, took * 10));
}
