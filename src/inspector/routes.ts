import { createHmac } from 'node:crypto';
import { diagnose } from '../diagnosis/diagnose.js';
import type { Mistake } from '../diagnosis/variants.js';
import { SIGNATURE_HEADERS } from '../headers.js';
import { INBOX_STATES, type Inbox, type InboxFilter, type InboxSelection } from '../inbox/types.js';
import type { RouterInside } from '../observe.js';
import type { Outcome } from '../outcome.js';
import type { IncomingDelivery } from '../receive.js';
import type { KeyRing } from '../signature/keys.js';
import { type Entry, summaryOf } from './entry.js';
import type { History } from './history.js';
import type { Recorder } from './recorder.js';
import type { DeliveryDetail, InboxView, PageSettings, PlainInboxDelivery } from './wire.js';

/** What the answers are made of. */
export interface Context {
  readonly inside: RouterInside;
  readonly history: History;
  readonly recorder: Recorder;
  readonly endpoint: string;
  receive(incoming: IncomingDelivery): Promise<Outcome>;
}

/** A request, taken apart. */
export interface Asked {
  readonly query: URLSearchParams;
  /** What the path holds in place of `:`. */
  readonly param: string;
  /** What was posted. */
  readonly json: Readonly<Record<string, unknown>>;
  readonly isLocal: boolean;
}

/** JSON to answer with, or a status. */
type Answer = object | number;
type Route = (context: Context, asked: Asked) => Answer | Promise<Answer>;

const MOST_LISTED = 200;

/** By method and path below `api/`; `:` stands for one segment. */
export const ROUTES: Readonly<Record<string, Route>> = {
  'GET settings': ({ inside, endpoint }, { isLocal }): PageSettings => ({
    hasInbox: inboxOf(inside) !== undefined,
    canSign: isLocal,
    endpoint,
    signatureHeader: inside.headerNames[0] ?? SIGNATURE_HEADERS[0],
  }),

  'GET deliveries/:': async ({ inside, history }, { param }) => {
    const entry = history.get(Number(param));
    return entry === undefined ? 404 : detailOf(entry, inside);
  },

  'GET search': ({ history }, { query }) => {
    // As latin1, so that no byte is lost; what is searched for is spelt the same way.
    const plain = (bytes: Buffer): string => bytes.toString('latin1').toLowerCase();
    const text = plain(Buffer.from(query.get('text') ?? ''));
    return { keys: [...history.all()].filter(({ rawBody }) => plain(rawBody).includes(text)).map(({ key }) => key) };
  },

  'POST deliveries/:/replay': async ({ inside, history, recorder }, { param }) => {
    const entry = history.get(Number(param));
    if (entry === undefined || !canReplay(entry)) return 404;
    const { id } = entry;
    const inbox = inboxOf(inside);
    if (inbox !== undefined) return (await inbox.replay(id as string)) === 1 ? { status: 202 } : 409;
    return { status: (await recorder.rerun(entry)).status };
  },

  'POST send': async ({ inside, recorder, receive }, { json, isLocal }) => {
    if (!isLocal) return 403;
    const { body } = json;
    if (typeof body !== 'string') return 400;
    const rawBody = Buffer.from(body);
    const headers = { 'content-type': 'application/json', ...(await signatureOf(rawBody, inside)) };
    const outcome = await recorder.as('edited', () => receive({ rawBody, headers }));
    return { status: outcome.status };
  },

  'GET inbox': async ({ inside }, { query }): Promise<Answer> => {
    const inbox = inboxOf(inside);
    const filter = filterOf(Object.fromEntries(query));
    if (inbox === undefined || filter === undefined) return 404;
    const [stats, entries] = await Promise.all([inbox.stats(), inbox.list({ ...filter, limit: MOST_LISTED })]);
    const view: Pick<InboxView, 'stats'> & { entries: readonly object[] } = { stats, entries };
    return view;
  },

  'GET inbox/:': async ({ inside }, { param }) => {
    const found = await inboxOf(inside)?.get(param);
    if (found === undefined) return 404;
    const { rawBody, receivedAt, at, ...entry } = found;
    const plain = {
      receivedAt: receivedAt.toISOString(),
      at: at.toISOString(),
      bodyBase64: rawBody.toString('base64'),
    };
    return { ...entry, ...plain } satisfies PlainInboxDelivery;
  },

  'POST inbox/replay': async ({ inside }, { json }) => {
    const inbox = inboxOf(inside);
    if (inbox === undefined) return 404;
    const { id, ...rest } = json;
    if (typeof id === 'string') return { replayed: await inbox.replay(id) };
    const filter = filterOf(rest);
    // Everything at once is never what is left when something was forgotten or is of another kind.
    if (id !== undefined || filter === undefined || (filter.state === undefined && filter.event === undefined))
      return 400;
    return { replayed: await inbox.replay(filter as InboxSelection) };
  },
};

/** An inbox as `openInbox` opens them; a store of one's own may know less. */
function inboxOf({ inbox }: RouterInside): Inbox | undefined {
  return inbox !== undefined && 'replay' in inbox && 'stats' in inbox ? (inbox as Inbox) : undefined;
}

function filterOf({ state, event }: Readonly<Record<string, unknown>>): InboxFilter | undefined {
  const known = INBOX_STATES.find((each) => each === state);
  if (state !== undefined && state !== '' && known === undefined) return undefined;
  return { state: known, event: typeof event === 'string' && event !== '' ? event : undefined };
}

/** What was verified once. A refused one is a matter of its sender. */
function canReplay({ id, outcome, runs }: Entry): boolean {
  return id !== null && outcome !== 'rejected' && outcome !== 'running' && (runs.length > 0 || outcome !== 'duplicate');
}

async function detailOf(entry: Entry, inside: RouterInside): Promise<DeliveryDetail> {
  const { headers, rawBody, cause, drift, runs } = entry;
  const mistakes = await mistakesIn(entry, inside);
  const bodyBase64 = rawBody.toString('base64');
  return { ...summaryOf(entry), headers, bodyBase64, cause, drift, runs, canReplay: canReplay(entry), mistakes };
}

const SIGNATURE_REASONS: ReadonlySet<string | null> = new Set(['malformed', 'mismatch', 'wrong_key_for_event']);

/** Bodies that were hashed to find out, which takes some 50 ms: the app waits for it. */
const MOST_HASHED = 32 * 1024 * 1024;

/** What was found out, and with which keys. */
const DIAGNOSED = new WeakMap<Entry, { readonly ring: KeyRing; readonly mistakes: readonly Mistake[] }>();

async function mistakesIn(entry: Entry, inside: RouterInside): Promise<readonly Mistake[] | null> {
  const { signature, reason, rawBody } = entry;
  if (signature === null || !SIGNATURE_REASONS.has(reason)) return null;
  const ring = await keysOf(inside).catch(() => undefined); // a source of keys that is down hides no delivery
  if (ring === undefined) return null;
  const before = DIAGNOSED.get(entry);
  if (before?.ring === ring) return before.mistakes;
  const keys = ring.flatMap(({ key, events }) =>
    [...(events ?? [null])].map((event) => ({ key: key.export().toString(), event })),
  );
  const diagnosis = diagnose({ body: rawBody, signature, keys }, { mostBytes: MOST_HASHED });
  const mistakes = diagnosis.verdict === 'explained' ? diagnosis.mistakes : [];
  DIAGNOSED.set(entry, { ring, mistakes });
  return mistakes;
}

async function keysOf(inside: RouterInside): Promise<KeyRing> {
  return (await inside.keys()) ?? [];
}

/** The header that a body would come with, under the first key that may authenticate its event. */
async function signatureOf(rawBody: Buffer, inside: RouterInside): Promise<Record<string, string>> {
  const ring = await keysOf(inside);
  const event = eventOf(rawBody);
  const key = ring.find(({ events }) => events === null || events.has(event ?? '')) ?? ring[0];
  const [header] = inside.headerNames;
  if (key === undefined || header === undefined) return {};
  return { [header]: createHmac('sha256', key.key).update(rawBody).digest('base64') };
}

function eventOf(rawBody: Buffer): string | undefined {
  try {
    const { event } = JSON.parse(rawBody.toString());
    return typeof event === 'string' ? event : undefined;
  } catch {
    return undefined;
  }
}
