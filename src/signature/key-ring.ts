import { isUtf8 } from 'node:buffer';
import { createSecretKey, type KeyObject } from 'node:crypto';
import type { EventName } from '../events/event-types.js';
import { ConfigurationError } from '../shared/errors.js';

/** A webhook's key, used exactly as given. Text is taken as UTF-8. */
export type Secret = string | Uint8Array;

/** A key with a name of yours, the id of its webhook for instance, which the notice `verified` tells. */
export interface NamedSecret {
  readonly id: string;
  readonly key: Secret;
}

/**
 * The key or keys to verify with:
 * one key, several (each is tried, for rotation), or a map that binds keys to events, so that the key of one event
 * never authenticates another.
 */
export type SecretInput = Secret | NamedSecret | readonly (Secret | NamedSecret)[] | SecretsByEvent;

/** Keys bound to events. Cakemail gives every webhook, and so every event, a key of its own. */
export type SecretsByEvent = {
  readonly [N in EventName]?: Secret | NamedSecret | readonly (Secret | NamedSecret)[];
};

/** A key ready for use. Kept as a KeyObject, which neither prints nor serialises its bytes. */
export interface Key {
  readonly key: KeyObject;
  /** What it was named, if it was. */
  readonly id: string | undefined;
  /** The events it may authenticate; null for all. */
  readonly events: ReadonlySet<string> | null;
}

export type KeyRing = readonly Key[];

/** Where a doubtful but usable key is reported. */
export type Warn = (message: string) => void;

/** Builds the keys, or throws a ConfigurationError that names the option and never the key. */
export function createKeyRing(input: unknown, option: string, warn: Warn): KeyRing {
  if (isSecret(input) || Array.isArray(input)) {
    return toSecrets(input, option, warn).map(({ bytes, id }) => ({ key: createSecretKey(bytes), id, events: null }));
  }
  if (isRecord(input)) return bindKeys(Object.entries(input), option, warn);
  if (typeof input === 'function') throw unusable(option, 'is a function; that goes into `secrets`');
  throw unusable(option, isAbsent(input) ? `is ${input}` : 'is neither text, bytes, a list nor a map of them');
}

/** The names that keys are bound to. */
export function boundEvents(ring: KeyRing): readonly string[] {
  return [...new Set(ring.flatMap(({ events }) => [...(events ?? [])]))];
}

/** Whether any of the keys that verified a body may authenticate its event. */
export function mayAuthenticate(keys: KeyRing, event: string): boolean {
  return keys.some((key) => key.events === null || key.events.has(event));
}

function bindKeys(entries: [string, unknown][], option: string, warn: Warn): KeyRing {
  if (entries.length === 0) throw unusable(option, 'is an empty map');
  const keys = new Map<string, NamedBytes & { events: Set<string> }>();
  for (const [event, value] of entries) {
    for (const secret of toSecrets(value, `${option}[${shownName(event)}]`, warn)) {
      // One key given for two events is one key with two events, not two keys of which the first decides.
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
  if (typeof secret.id !== 'string' || secret.id === '') throw unusable(option, 'has an `id` that is no text');
  return { bytes: toBytes(secret.key, option, warn), id: secret.id };
}

function toBytes(secret: unknown, option: string, warn: Warn): Buffer {
  if (!isText(secret)) throw unusable(option, isAbsent(secret) ? `is ${secret}` : 'is neither text nor bytes');
  const bytes = Buffer.from(secret);
  if (bytes.length === 0) throw unusable(option, 'is empty');
  // HMAC pads a key with zeros: a buffer that was never filled is the empty key, under which anybody can sign.
  if (bytes.every((byte) => byte === 0)) throw unusable(option, 'holds nothing but zeros');
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

/** Not a map: the names of events have a dot. */
function isNamed(value: unknown): value is NamedSecret {
  return isRecord(value) && 'id' in value && 'key' in value;
}

/** An object that is no Map, Promise, Date or the like: those have no entries, and a map of keys must not look empty. */
function isRecord(value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]';
}

/** A map turned inside out has keys for names: only what looks like an event's name is shown. */
export function shownName(name: string): string {
  return /^\w{1,40}\.[\w*]{1,40}$/.test(name) ? JSON.stringify(name) : '…';
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

function unusable(option: string, what: string): ConfigurationError {
  return new ConfigurationError('ERR_SECRET_MISSING', `\`${option}\` ${what}.`);
}
