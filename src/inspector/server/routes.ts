import { createHmac } from 'node:crypto';
import type { IncomingDelivery } from '../../delivery/delivery.js';
import type { Outcome } from '../../delivery/outcome.js';
import { eventOf } from '../../diagnosis/diagnose.js';
import { INBOX_STATES, type Inbox, type InboxFilter, type InboxSelection } from '../../inbox/index.js';
import type { RouterInternals } from '../../internals.js';
import { SIGNATURE_HEADERS } from '../../shared/headers.js';
import type { KeyRing } from '../../signature/key-ring.js';
import type { Diagnoser } from './diagnoser.js';
import { type Entry, summaryOf } from './entry.js';
import type { History } from './history.js';
import type { DeliveryDetail, InboxView, PageSettings, PlainInboxDelivery } from './protocol.js';
import type { Recorder } from './recorder.js';

/** The collaborators of all routes. */
export interface Context {
  readonly internals: RouterInternals;
  readonly history: History;
  readonly recorder: Recorder;
  readonly diagnoser: Diagnoser;
  readonly endpoint: string;
  receive(incoming: IncomingDelivery): Promise<Outcome>;
}

/** The parts of a request that routes use. */
export interface RouteRequest {
  readonly query: URLSearchParams;
  /** The segment of the path that `:` stands for. */
  readonly param: string;
  /** The posted object. */
  readonly json: Readonly<Record<string, unknown>>;
  /** True when the request may sign and send a changed body. */
  readonly maySend: boolean;
}

/** A JSON object to respond with, or a status. */
type RouteResponse = object | number;
type Route = (context: Context, request: RouteRequest) => RouteResponse | Promise<RouteResponse>;

const MAX_LISTED = 200;

/** The routes by method and path below `api/`. `:` stands for one segment. */
export const ROUTES: Readonly<Record<string, Route>> = {
  'GET settings': ({ internals, endpoint }, { maySend }): PageSettings => ({
    hasInbox: inboxOf(internals) !== undefined,
    canSign: maySend,
    endpoint,
    signatureHeader: internals.signatureHeaders[0] ?? SIGNATURE_HEADERS[0],
  }),

  'GET deliveries/:': async ({ history, diagnoser }, { param }) => {
    const entry = history.get(Number(param));
    return entry === undefined ? 404 : detailOf(entry, diagnoser);
  },

  'GET search': ({ history }, { query }) => {
    // latin1 keeps every byte, and the search text is converted in the same way.
    const plain = (bytes: Buffer): string => bytes.toString('latin1').toLowerCase();
    const text = plain(Buffer.from(query.get('text') ?? ''));
    return { keys: [...history.all()].filter(({ rawBody }) => plain(rawBody).includes(text)).map(({ key }) => key) };
  },

  'POST deliveries/:/replay': async ({ internals, history, recorder }, { param }) => {
    const entry = history.get(Number(param));
    if (entry === undefined || !canReplay(entry)) return 404;
    const { id } = entry;
    const inbox = inboxOf(internals);
    if (inbox !== undefined) return (await inbox.replay(id as string)) === 1 ? { status: 202 } : 409;
    return { status: (await recorder.rerun(entry)).status };
  },

  'POST send': async ({ internals, recorder, receive }, { json, maySend }) => {
    if (!maySend) return 403;
    const { body } = json;
    if (typeof body !== 'string') return 400;
    const rawBody = Buffer.from(body);
    const headers = { 'content-type': 'application/json', ...(await signatureOf(rawBody, internals)) };
    const outcome = await recorder.as('edited', () => receive({ rawBody, headers }));
    return { status: outcome.status };
  },

  'GET inbox': async ({ internals }, { query }): Promise<RouteResponse> => {
    const inbox = inboxOf(internals);
    const filter = filterOf(Object.fromEntries(query));
    if (inbox === undefined || filter === undefined) return 404;
    const [stats, entries] = await Promise.all([inbox.stats(), inbox.list({ ...filter, limit: MAX_LISTED })]);
    const view: Pick<InboxView, 'stats'> & { entries: readonly object[] } = { stats, entries };
    return view;
  },

  'GET inbox/:': async ({ internals }, { param }) => {
    const found = await inboxOf(internals)?.get(param);
    if (found === undefined) return 404;
    const { rawBody, receivedAt, at, ...entry } = found;
    const plain = {
      receivedAt: receivedAt.toISOString(),
      at: at.toISOString(),
      bodyBase64: rawBody.toString('base64'),
    };
    return { ...entry, ...plain } satisfies PlainInboxDelivery;
  },

  'POST inbox/replay': async ({ internals }, { json }) => {
    const inbox = inboxOf(internals);
    if (inbox === undefined) return 404;
    const { id, ...rest } = json;
    if (typeof id === 'string') return { replayed: await inbox.replay(id) };
    const filter = filterOf(rest);
    // A request without a valid selection must not replay everything.
    if (id !== undefined || filter === undefined || (filter.state === undefined && filter.event === undefined))
      return 400;
    return { replayed: await inbox.replay(filter as InboxSelection) };
  },
};

/** Returns the router's inbox. A user's own durable store may lack the methods of an inbox. */
function inboxOf({ inbox }: RouterInternals): Inbox | undefined {
  return inbox !== undefined && 'replay' in inbox && 'stats' in inbox ? (inbox as Inbox) : undefined;
}

function filterOf({ state, event }: Readonly<Record<string, unknown>>): InboxFilter | undefined {
  const known = INBOX_STATES.find((each) => each === state);
  if (state !== undefined && state !== '' && known === undefined) return undefined;
  return { state: known, event: typeof event === 'string' && event !== '' ? event : undefined };
}

/** Only a verified delivery can be replayed. */
function canReplay({ id, outcome, runs }: Entry): boolean {
  return id !== null && outcome !== 'rejected' && outcome !== 'running' && (runs.length > 0 || outcome !== 'duplicate');
}

async function detailOf(entry: Entry, diagnoser: Diagnoser): Promise<DeliveryDetail> {
  const diagnosis = await diagnoser.diagnose(entry);
  const { headers, rawBody, cause, drift, runs } = entry;
  return {
    ...summaryOf(entry),
    headers,
    bodyBase64: rawBody.toString('base64'),
    cause,
    drift,
    runs,
    canReplay: canReplay(entry),
    mistakes: diagnosis === undefined ? null : diagnosis.verdict === 'explained' ? diagnosis.mistakes : [],
    isDiagnosisCut: diagnosis?.verdict === 'unexplained' && diagnosis.isExhausted === true,
  };
}

async function keysOf(internals: RouterInternals): Promise<KeyRing> {
  return await internals.loadKeys();
}

/** Signs a body with the first key that may authenticate its event, and returns the header. */
async function signatureOf(rawBody: Buffer, internals: RouterInternals): Promise<Record<string, string>> {
  const ring = await keysOf(internals);
  const event = eventOf(rawBody);
  const key = ring.find(({ events }) => events === null || events.has(event ?? '')) ?? ring[0];
  const [header] = internals.signatureHeaders;
  if (key === undefined || header === undefined) return {};
  return { [header]: createHmac('sha256', key.key).update(rawBody).digest('base64') };
}
