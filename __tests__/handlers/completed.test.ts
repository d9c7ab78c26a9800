import { type Settled, unsettled } from '../../src/handlers/completed.js';
import { HandlerRegistry } from '../../src/handlers/registry.js';
import { PermanentError } from '../../src/shared/errors.js';

type Handler = (text: string) => unknown;

const fine: Handler = (text) => text;
const failing: Handler = () => {
  throw new Error('not today');
};
const hopeless: Handler = async () => {
  throw new PermanentError('never');
};

/** As an app registers them, in this process or in the next. */
function registered(...handlers: readonly Handler[]): HandlerRegistry<Handler> {
  const registry = new HandlerRegistry<Handler>();
  for (const handler of handlers) registry.add(['Email.Sent'], handler);
  return registry;
}

async function attempt(registry: HandlerRegistry<Handler>, settled: Settled): Promise<readonly string[]> {
  const { handlers } = unsettled(registry.takeKeyed('Email.Sent'), settled);
  const results = await Promise.allSettled(handlers.map(async (handler) => handler('text')));
  return results.map(({ status }) => status);
}

test('who succeeds or fails for good is settled, who fails otherwise is not', async () => {
  const settled: Settled = new Map();
  expect(await attempt(registered(fine, failing, hopeless), settled)).toEqual(['fulfilled', 'rejected', 'rejected']);
  expect([...settled.values()].sort()).toEqual(['failed', 'succeeded']);
});

test('who is settled does not run again, in the next process neither', async () => {
  const settled: Settled = new Map();
  await attempt(registered(fine, failing, hopeless), settled);
  expect(await attempt(registered(fine, failing, hopeless), settled)).toEqual(['rejected']);
});

test('of handlers with the same source the order tells which is which', async () => {
  const settled: Settled = new Map();
  const made =
    (fails: boolean): Handler =>
    () =>
      fails ? Promise.reject(new Error('not today')) : 'done';
  await attempt(registered(made(false), made(true)), settled);
  expect(settled.size).toBe(1);
  expect(await attempt(registered(made(true), made(false)), settled)).toEqual(['fulfilled']);
});

test('one that was changed, or listens to something else, runs', async () => {
  const settled: Settled = new Map();
  await attempt(registered(fine), settled);
  const changed: Handler = (text) => `${text}!`;
  const elsewhere = new HandlerRegistry<Handler>();
  elsewhere.add(['Email.*'], fine);
  expect(await attempt(registered(changed), settled)).toEqual(['fulfilled']);
  expect(await attempt(elsewhere, settled)).toEqual(['fulfilled']);
  expect(await attempt(registered(fine), settled)).toEqual([]);
});
