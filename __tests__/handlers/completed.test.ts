import type { CompletedHandlers } from '../../src/delivery/stored-delivery.js';
import { pending } from '../../src/handlers/completed.js';
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

async function attempt(registry: HandlerRegistry<Handler>, completed: CompletedHandlers): Promise<readonly string[]> {
  const { handlers } = pending(registry.takeKeyed('Email.Sent'), completed);
  const results = await Promise.allSettled(handlers.map(async (handler) => handler('text')));
  return results.map(({ status }) => status);
}

test('a handler that succeeds or fails permanently is completed, and one that fails otherwise is not', async () => {
  const completed: CompletedHandlers = new Map();
  expect(await attempt(registered(fine, failing, hopeless), completed)).toEqual(['fulfilled', 'rejected', 'rejected']);
  expect([...completed.values()].sort()).toEqual(['failed', 'succeeded']);
});

test('a completed handler does not run again, not even in the next process', async () => {
  const completed: CompletedHandlers = new Map();
  await attempt(registered(fine, failing, hopeless), completed);
  expect(await attempt(registered(fine, failing, hopeless), completed)).toEqual(['rejected']);
});

test('of handlers with the same source the order tells which is which', async () => {
  const completed: CompletedHandlers = new Map();
  const made =
    (fails: boolean): Handler =>
    () =>
      fails ? Promise.reject(new Error('not today')) : 'done';
  await attempt(registered(made(false), made(true)), completed);
  expect(completed.size).toBe(1);
  expect(await attempt(registered(made(true), made(false)), completed)).toEqual(['fulfilled']);
});

test('one that was changed, or listens to something else, runs', async () => {
  const completed: CompletedHandlers = new Map();
  await attempt(registered(fine), completed);
  const changed: Handler = (text) => `${text}!`;
  const elsewhere = new HandlerRegistry<Handler>();
  elsewhere.add(['Email.*'], fine);
  expect(await attempt(registered(changed), completed)).toEqual(['fulfilled']);
  expect(await attempt(elsewhere, completed)).toEqual(['fulfilled']);
  expect(await attempt(registered(fine), completed)).toEqual([]);
});
