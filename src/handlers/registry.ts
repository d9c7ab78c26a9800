import { patternOf } from '../events/catalogue.js';
import { ConfigurationError } from '../shared/errors.js';

/** Stands for every event. */
export const ANY = Symbol('any event');
/** Stands for events that no name and no pattern covers. */
export const UNHANDLED = Symbol('unhandled events');

/** An event name, a pattern such as `'Email.*'`, or one of the two symbols. */
export type Subject = string | typeof ANY | typeof UNHANDLED;

/** A handler and what it was registered for. */
export interface Registration<H> {
  readonly handler: H;
  readonly subjects: ReadonlySet<Subject>;
  /** The application's name for the handler: unique, and stable over restarts. */
  readonly id: string | undefined;
  /** What logs and pages show: the id, the function's name, or the subjects. */
  readonly label: string;
}

/** The handlers of an event. */
export interface Match<H> {
  /** Whether a name or a pattern covers the event. */
  readonly isNamed: boolean;
  readonly registrations: readonly Registration<H>[];
}

/**
 * Finds the handlers of an event. Lists are replaced, never changed, so a delivery keeps the set that it started with while
 * handlers come and go. A look-up reads a few Map entries, however many names have handlers.
 */
export class HandlerRegistry<H extends { readonly name: string }> {
  readonly #ids = new Map<string, Registration<H>>();
  readonly #lists = new Map<Subject, readonly Registration<H>[]>();

  /**
   * Registers a handler; the returned function removes just this registration.
   *
   * @throws {ConfigurationError} when another handler has the id.
   */
  add(subjects: readonly Subject[], handler: H, id?: string): () => void {
    if (id !== undefined && this.#ids.has(id)) {
      throw new ConfigurationError('ERR_OPTION_INVALID', `Another handler has the id '${id}' already.`);
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

  /** Whether a name or a pattern covers the event. */
  covers(name: string): boolean {
    return this.#covering(name).length > 0;
  }

  /** The handlers of an event: those for its name, for its group, for any event. */
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
    // One registration for both the name and its group runs once.
    return [...new Set([...exact, ...group])];
  }

  /** Frees the id of a registration that is in no list any more. */
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
