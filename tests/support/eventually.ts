/**
 * Asks again and again, with a limit, until the answer fits. For what other processes do in their
 * own time.
 */
const LIMIT_MS = 90_000;

/** The first answer that fits. Fails with the last one after 90 s. */
export async function eventually<T>(
  ask: () => T | Promise<T>,
  fits: (answer: T) => boolean,
): Promise<T> {
  const deadline = performance.now() + LIMIT_MS;
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    if (performance.now() > deadline)
      throw new Error(`never came about; the last answer was ${JSON.stringify(answer)}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}
