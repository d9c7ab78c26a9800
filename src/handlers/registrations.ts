import { EVENT_NAMES } from '../events/catalogue.js';
import { cut, type Log } from '../instrumentation/logger.js';
import { warnOfUnlisted } from '../options.js';
import { ConfigurationError } from '../shared/errors.js';
import type { Unsubscribe } from '../types.js';
import type { AnyHandler, Dispatcher, ErrorHandler } from './dispatcher.js';
import { ANY, type Subject, UNHANDLED } from './registry.js';

type Names = string | readonly string[];

/** The members of a router that register handlers: what they are given is checked here. */
export function registrations(dispatcher: Dispatcher, log: Log) {
  function subscribe(name: Names, handler: AnyHandler, once: boolean): Unsubscribe {
    const names = selectedNames(name);
    for (const each of names) warnOfUnlisted(each, 'on()', `'${cut(each)}'`, log);
    return dispatcher.handlers.add(names, checkHandler(handler), once);
  }

  function listen(subject: Subject, handler: AnyHandler): Unsubscribe {
    return dispatcher.handlers.add([subject], checkHandler(handler));
  }

  return {
    on: (name: Names, handler: AnyHandler) => subscribe(name, handler, false),
    once: (name: Names, handler: AnyHandler) => subscribe(name, handler, true),
    off: (name: Names, handler: AnyHandler) => dispatcher.handlers.remove(selectedNames(name), handler),
    onAny: (handler: AnyHandler) => listen(ANY, handler),
    onUnhandled: (handler: AnyHandler) => listen(UNHANDLED, handler),
    onError: (handler: ErrorHandler) => dispatcher.addErrorHandler(checkHandler(handler)),
    subscribedEvents: () => EVENT_NAMES.filter((name) => dispatcher.handlers.covers(name)),
  };
}

function selectedNames(name: Names): readonly string[] {
  const names: readonly unknown[] = Array.isArray(name) ? name : [name];
  if (names.length > 0 && names.every((each) => typeof each === 'string' && each !== '')) return names as string[];
  throw new ConfigurationError('ERR_OPTION_INVALID', 'on() needs an event name, a pattern or a list of them.');
}

function checkHandler<H>(handler: H): H {
  if (typeof handler === 'function') return handler;
  throw new ConfigurationError('ERR_OPTION_INVALID', 'A handler must be a function.');
}
