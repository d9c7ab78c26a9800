import { patternOf } from '../events/catalogue.js';
import { handlerKind } from './handler-key.js';

/** Stands for every event. */
export const ANY = Symbol('any event');
/** Stands for events that no name and no pattern covers. */
export const UNHANDLED = Symbol('unhandled events');

/** An event name, a pattern such as `'Email.*'`, or one of the two symbols. */
export type Subject = string | typeof ANY | typeof UNHANDLED;

/** A handler, and what tells it from every other, in this process and in the next one: see `handlerKind`. */
export interface KeyedHandler<H> {
  readonly key: string;
  readonly handler: H;
  readonly subjects: ReadonlySet<Subject>;
}

interface Registration<H> extends KeyedHandler<H> {
  readonly once: boolean;
}

/** What an event is handed to. */
export interface Match<H> {
  /** Whether a name or a pattern covers the event. */
  readonly named: boolean;
  readonly handlers: readonly H[];
}

/**
 * Who listens to what. Lists are replaced, never changed, so a delivery keeps the set it started with while handlers come
 * and go. A look-up reads a few Map entries, however many names have handlers.
 */
export class HandlerRegistry<H> {
  readonly #ordinals = new Map<string, number>();
  readonly #lists = new Map<Subject, readonly Registration<H>[]>();

  /** Registers a handler; the returned function takes just this registration back. */
  add(subjects: readonly Subject[], handler: H, once = false): () => void {
    const registration: Registration<H> = {
      handler,
      subjects: new Set(subjects),
      once,
      key: this.#nextKey(handlerKind(subjects, handler)),
    };
    for (const subject of registration.subjects) {
      this.#lists.set(subject, [...this.#listOf(subject), registration]);
    }
    return () => this.#cancel(registration);
  }

  /** Takes back every registration of this handler for these subjects. */
  remove(subjects: readonly Subject[], handler: H): void {
    for (const subject of subjects) this.#keep(subject, (registration) => registration.handler !== handler);
  }

  /** Whether a name or a pattern covers the event. */
  covers(name: string): boolean {
    return this.#covering(name).length > 0;
  }

  /**
   * The handlers of an event: those for its name, for its group, for any event. A `once` handler is spent here, before
   * it runs, so that two deliveries at the same time cannot both have it.
   */
  take(name: string): Match<H> {
    const { named, registrations } = this.#spend(name);
    return { named, handlers: registrations.map(({ handler }) => handler) };
  }

  /** The same with the key of each handler. */
  takeKeyed(name: string): Match<KeyedHandler<H>> {
    const { named, registrations } = this.#spend(name);
    return { named, handlers: registrations };
  }

  #spend(name: string): { named: boolean; registrations: readonly Registration<H>[] } {
    const covering = this.#covering(name);
    const named = covering.length > 0;
    const registrations = [...covering, ...(named ? [] : this.#listOf(UNHANDLED)), ...this.#listOf(ANY)];
    for (const registration of registrations) if (registration.once) this.#cancel(registration);
    return { named, registrations };
  }

  /** Handlers of one kind are told apart by the order in which they were registered. */
  #nextKey(kind: string): string {
    const ordinal = this.#ordinals.get(kind) ?? 0;
    this.#ordinals.set(kind, ordinal + 1);
    return `${kind}.${ordinal}`;
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

  #cancel(registration: Registration<H>): void {
    for (const subject of registration.subjects) this.#keep(subject, (other) => other !== registration);
  }

  #keep(subject: Subject, predicate: (registration: Registration<H>) => boolean): void {
    const kept = this.#listOf(subject).filter(predicate);
    if (kept.length > 0) this.#lists.set(subject, kept);
    else this.#lists.delete(subject);
  }

  #listOf(subject: Subject): readonly Registration<H>[] {
    return this.#lists.get(subject) ?? [];
  }
}
