import { isUtf8 } from 'node:buffer';
import { createSecretKey, type KeyObject } from 'node:crypto';
import type { EventName } from '../events/event-types.js';
import { ConfigurationError } from '../shared/errors.js';

/** The key of a webhook, used exactly as given. Text is encoded as UTF-8. */
export type Secret = string | Uint8Array;

/** A key with an id of your choice, such as the id of its webhook. The notice `verified` reports it. */
export interface NamedSecret {
  readonly id: string;
  readonly key: Secret;
}

/**
 * The keys to verify with: one key, a list (every key is tried, for rotation), or a map that binds keys to events, so that
 * the key of one event never authenticates another.
 */
export type SecretInput = Secret | NamedSecret | readonly (Secret | NamedSecret)[] | SecretsByEvent;

/** Keys by event name. Every Cakemail webhook, and so every event, has its own key. */
export type SecretsByEvent = {
  readonly [N in EventName]?: Secret | NamedSecret | readonly (Secret | NamedSecret)[];
};

/** A key that is ready for use. It is a KeyObject, which never prints or serialises its bytes. */
export interface Key {
  readonly key: KeyObject;
  /** The `id` of a {@link NamedSecret}. */
  readonly id: string | undefined;
  /** The events that it may authenticate, or null for all. */
  readonly events: ReadonlySet<string> | null;
}

export type KeyRing = readonly Key[];

/** Reports a key that is usable but probably wrong. */
export type Warn = (message: string) => void;

/** Creates the keys, or throws a ConfigurationError that names the option and never the key. */
export function createKeyRing(input: unknown, option: string, warn: Warn): KeyRing {
  if (isSecret(input) || Array.isArray(input)) {
    return toSecrets(input, option, warn).map(({ bytes, id }) => ({ key: createSecretKey(bytes), id, events: null }));
  }
  if (isRecord(input)) return bindKeys(Object.entries(input), option, warn);
  if (typeof input === 'function') throw unusable(option, 'is a function. Pass it as `secrets`');
  throw unusable(option, isAbsent(input) ? `is ${input}` : 'is neither text, nor bytes, nor a list or a map of them');
}

/** Returns the names of the events that keys are bound to. */
export function boundEvents(ring: KeyRing): readonly string[] {
  return [...new Set(ring.flatMap(({ events }) => [...(events ?? [])]))];
}

/** Returns true when one of the keys that verified a body may authenticate its event. */
export function mayAuthenticate(keys: KeyRing, event: string): boolean {
  return keys.some((key) => key.events === null || key.events.has(event));
}

function bindKeys(entries: [string, unknown][], option: string, warn: Warn): KeyRing {
  if (entries.length === 0) throw unusable(option, 'is an empty map');
  const keys = new Map<string, NamedBytes & { events: Set<string> }>();
  for (const [event, value] of entries) {
    for (const secret of toSecrets(value, `${option}[${shownName(event)}]`, warn)) {
      // A key that is given for two events becomes one key with two events.
      const content = secret.bytes.toString('base64');
      const bound = keys.get(content) ?? { ...secret, events: new Set() };
      bound.events.add(event);
      keys.set(content, bound);
    }
  }
  return [...keys.values()].map(({ bytes, id, events }) => ({ key: createSecretKey(bytes), id, events }));
}

interface NamedBytes {
  readonly bytes: Buffer;
  readonly id: string | undefined;
}

function toSecrets(value: unknown, option: string, warn: Warn): readonly NamedBytes[] {
  const list: unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw unusable(option, 'is an empty list');
  return list.map((secret, index) => toNamedBytes(secret, Array.isArray(value) ? `${option}[${index}]` : option, warn));
}

function toNamedBytes(secret: unknown, option: string, warn: Warn): NamedBytes {
  if (!isNamed(secret)) return { bytes: toBytes(secret, option, warn), id: undefined };
  if (typeof secret.id !== 'string' || secret.id === '') throw unusable(option, 'has an `id` that is not text');
  return { bytes: toBytes(secret.key, option, warn), id: secret.id };
}

function toBytes(secret: unknown, option: string, warn: Warn): Buffer {
  if (!isText(secret)) throw unusable(option, isAbsent(secret) ? `is ${secret}` : 'is neither text nor bytes');
  const bytes = Buffer.from(secret);
  if (bytes.length === 0) throw unusable(option, 'is empty');
  // HMAC pads a key with zeros, so a buffer of zeros equals the empty key, with which anyone can sign.
  if (bytes.every((byte) => byte === 0)) throw unusable(option, 'contains only zeros');
  const text = bytes.toString('utf8');
  if (text.trim() === '') throw unusable(option, 'is blank');
  if (text === 'undefined' || text === 'null') throw unusable(option, `is the text '${text}'`);
  if (isUtf8(bytes) && text !== text.trim()) {
    warn(`\`${option}\` has white space around it. It is used as given; if deliveries get 403, remove the space.`);
  }
  return bytes;
}

function isSecret(value: unknown): value is Secret | NamedSecret {
  return isText(value) || isNamed(value);
}

function isText(value: unknown): value is Secret {
  return typeof value === 'string' || value instanceof Uint8Array;
}

/** A map of keys has no such members, because the names of events have a dot. */
function isNamed(value: unknown): value is NamedSecret {
  return isRecord(value) && 'id' in value && 'key' in value;
}

/** Excludes Map, Promise, Date and the like, because they have no entries and would look like an empty map of keys. */
function isRecord(value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]';
}

/** Hides a text that does not look like an event name, because a map may have keys and names swapped. */
export function shownName(name: string): string {
  return /^\w{1,40}\.[\w*]{1,40}$/.test(name) ? JSON.stringify(name) : '…';
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

function unusable(option: string, what: string): ConfigurationError {
  return new ConfigurationError('ERR_SECRET_MISSING', `\`${option}\` ${what}.`);
}
