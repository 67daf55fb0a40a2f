// The deadline that everything in these tests is under.
export const PATIENCE = 20_000;

/** Waits for `promise`; rejects, saying for what it waited, when the deadline passes. */
export function within(what, promise, ms = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${ms} ms passed: waiting for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Resolves when `condition`, which may be asynchronous, holds. */
export async function until(condition) {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
}
