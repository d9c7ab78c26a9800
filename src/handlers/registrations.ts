import { EVENT_NAMES } from '../events/catalogue.js';
import { warnIfUnlisted } from '../instrumentation/check-event-name.js';
import { type Log, truncateName } from '../instrumentation/logger.js';
import { ConfigurationError } from '../shared/errors.js';
import { rejectUnknownKeys } from '../shared/option-checks.js';
import type { Dispatcher, ErrorHandler } from './dispatcher.js';
import type { AnyHandler } from './handler-run.js';
import { ANY, type Subject, UNHANDLED } from './registry.js';

/** Options of `on`, `onAny` and `onUnhandled`. */
export interface HandlerOptions {
  /**
   * The handler's name, unique in its router. The inspector shows it. With an inbox, a handler with an id that
   * succeeded does not run again when another handler's failure makes the delivery run again. A handler without an id does.
   */
  readonly id?: string | undefined;
}

type Names = string | readonly string[];

/** Creates the members of a router that register handlers, and that check their arguments. */
export function registrations(dispatcher: Dispatcher, log: Log) {
  const { handlers } = dispatcher;
  const register = (subjects: readonly Subject[], handler: AnyHandler, options: HandlerOptions | undefined) =>
    handlers.add(subjects, checkHandler(handler), checkId(options));

  return {
    on(name: Names, handler: AnyHandler, options?: HandlerOptions) {
      const names = checkNames(name);
      for (const each of names) warnIfUnlisted(each, 'on()', `'${truncateName(each)}'`, log);
      return register(names, handler, options);
    },
    off: (name: Names, handler: AnyHandler) => handlers.remove(checkNames(name), handler),
    onAny: (handler: AnyHandler, options?: HandlerOptions) => register([ANY], handler, options),
    onUnhandled: (handler: AnyHandler, options?: HandlerOptions) => register([UNHANDLED], handler, options),
    onError: (handler: ErrorHandler) => dispatcher.addErrorHandler(checkHandler(handler)),
    subscribedEvents: () => EVENT_NAMES.filter((name) => handlers.covers(name)),
  };
}

function checkNames(name: Names): readonly string[] {
  const names: readonly unknown[] = Array.isArray(name) ? name : [name];
  if (names.length > 0 && names.every((each) => typeof each === 'string' && each !== '')) return names as string[];
  throw new ConfigurationError('ERR_OPTION_INVALID', 'on() needs an event name, a pattern or a list of them.');
}

function checkHandler<H>(handler: H): H {
  if (typeof handler === 'function') return handler;
  throw new ConfigurationError('ERR_OPTION_INVALID', 'A handler must be a function.');
}

function checkId(options: HandlerOptions = {}): string | undefined {
  rejectUnknownKeys('options', options, ['id']);
  const { id } = options;
  if (id === undefined || (typeof id === 'string' && id.trim() !== '')) return id;
  throw new ConfigurationError('ERR_OPTION_INVALID', 'The `id` of a handler must be text that is not blank.');
}
