import { patternOf } from '../events/catalogue.js';
import { ConfigurationError } from '../shared/errors.js';

/** The subject of handlers for every event. */
export const ANY = Symbol('any event');
/** The subject of handlers for events that no name and no pattern covers. */
export const UNHANDLED = Symbol('unhandled events');

/** An event name, a pattern such as `'Email.*'`, or one of the two symbols. */
export type Subject = string | typeof ANY | typeof UNHANDLED;

/** A handler with its subjects. */
export interface Registration<H> {
  readonly handler: H;
  readonly subjects: ReadonlySet<Subject>;
  /** The application's name for the handler. It is unique, and the same after a restart. */
  readonly id: string | undefined;
  /** The name in logs and in the inspector: the id, the function's name, or the subjects. */
  readonly label: string;
}

/** The handlers of an event. */
export interface Match<H> {
  /** True when a name or a pattern covers the event. */
  readonly isNamed: boolean;
  readonly registrations: readonly Registration<H>[];
}

/**
 * Finds the handlers of an event. Its lists are replaced and never changed, so that a delivery keeps the handlers that it
 * started with.
 */
export class HandlerRegistry<H extends { readonly name: string }> {
  readonly #ids = new Map<string, Registration<H>>();
  readonly #lists = new Map<Subject, readonly Registration<H>[]>();

  /**
   * Registers a handler, and returns a function that removes only this registration.
   *
   * @throws {ConfigurationError} when another handler has the id.
   */
  add(subjects: readonly Subject[], handler: H, id?: string): () => void {
    if (id !== undefined && this.#ids.has(id)) {
      throw new ConfigurationError('ERR_OPTION_INVALID', `Another handler already has the id '${id}'.`);
    }
    const label = id ?? String(handler.name || labelOf(subjects));
    const registration: Registration<H> = { handler, subjects: new Set(subjects), id, label };
    if (id !== undefined) this.#ids.set(id, registration);
    for (const subject of registration.subjects) {
      this.#lists.set(subject, [...this.#listOf(subject), registration]);
    }
    return () => {
      for (const subject of registration.subjects) this.#filter(subject, (other) => other !== registration);
      this.#release(registration);
    };
  }

  /** Removes every registration of this handler for these subjects. */
  remove(subjects: readonly Subject[], handler: H): void {
    for (const subject of subjects) {
      const removed = this.#listOf(subject).filter((registration) => registration.handler === handler);
      this.#filter(subject, (registration) => registration.handler !== handler);
      for (const registration of removed) this.#release(registration);
    }
  }

  /** Returns true when a name or a pattern covers the event. */
  covers(name: string): boolean {
    return this.#covering(name).length > 0;
  }

  /** Returns the handlers for the event's name, for its group and for any event. */
  match(name: string): Match<H> {
    const covering = this.#covering(name);
    const isNamed = covering.length > 0;
    const any = this.#listOf(ANY);
    const others = isNamed ? any : [...this.#listOf(UNHANDLED), ...any];
    return { isNamed, registrations: others.length === 0 ? covering : [...covering, ...others] };
  }

  #covering(name: string): readonly Registration<H>[] {
    const exact = this.#listOf(name);
    const pattern = patternOf(name);
    const group = pattern === undefined ? [] : this.#listOf(pattern);
    if (exact.length === 0) return group;
    if (group.length === 0) return exact;
    // A registration for both the name and its group runs once.
    return [...new Set([...exact, ...group])];
  }

  /** Frees the id of a registration that is no longer in any list. */
  #release(registration: Registration<H>): void {
    const { id, subjects } = registration;
    const isListed = [...subjects].some((subject) => this.#listOf(subject).includes(registration));
    if (id !== undefined && !isListed && this.#ids.get(id) === registration) this.#ids.delete(id);
  }

  #filter(subject: Subject, predicate: (registration: Registration<H>) => boolean): void {
    const kept = this.#listOf(subject).filter(predicate);
    if (kept.length > 0) this.#lists.set(subject, kept);
    else this.#lists.delete(subject);
  }

  #listOf(subject: Subject): readonly Registration<H>[] {
    return this.#lists.get(subject) ?? [];
  }
}

function labelOf([first, ...others]: readonly Subject[]): string {
  const subject = typeof first === 'symbol' ? first.description : first;
  return `on ${subject}${others.length > 0 ? ` and ${others.length} more` : ''}`;
}
