/** Returns a function that returns the timers started since, and still not cleared. `jest.restoreAllMocks()` ends it. */
export function watchTimers(): () => readonly unknown[] {
  const [started, cleared] = [jest.spyOn(globalThis, 'setTimeout'), jest.spyOn(globalThis, 'clearTimeout')];
  return () => {
    const timers = new Set<unknown>(started.mock.results.map(({ value }) => value));
    for (const [timer] of cleared.mock.calls) timers.delete(timer);
    return [...timers];
  };
}
