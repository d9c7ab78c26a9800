import { z } from 'zod';
import { arrived, type Entry } from './entry.js';

/** The first line of a history: without it a file is somebody else's. */
export const HEADER = '{"cakemail-webhooks":"history","version":1}';

/** Keys count up from what is read, and stay whole numbers. */
const LARGEST_KEY = 2 ** 50;
const LATEST = 8.64e15;

const run = z.object({
  attempt: z.number(),
  at: z.number().min(0).max(LATEST),
  outcome: z.enum(['running', 'handled', 'unhandled', 'failed']),
  durationMs: z.number().nullable(),
  error: z.string().nullable(),
  handlers: z.array(z.object({ name: z.string(), durationMs: z.number().nullable(), error: z.string().nullable() })),
});

const key = z.int().positive().max(LARGEST_KEY);

const arrival = z.object({
  key,
  id: z.string().nullable(),
  at: z.number().min(0).max(LATEST),
  body: z.base64(),
  headers: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
  origin: z.enum(['received', 'edited', 'inbox']),
});

const state = z.object({
  key,
  event: z.string().nullable(),
  outcome: z.enum(['running', 'handled', 'unhandled', 'duplicate', 'stored', 'rejected', 'failed', 'dead']),
  status: z.number().nullable(),
  reason: z.string().nullable(),
  cause: z.string().nullable(),
  durationMs: z.number().nullable(),
  drift: z.array(z.string()),
  runs: z.array(run),
  attempts: z.number(),
});

const line = z.union([arrival, state]);

/** What never changes: written once. */
export function arrivalLine({ key, id, at, rawBody, headers, origin }: Entry): string {
  return `${JSON.stringify({ key, id, at, body: rawBody.toString('base64'), headers, origin })}\n`;
}

/** What changes: the last such line of an entry counts. */
export function stateLine({
  rawBody: _,
  signature: _2,
  id: _3,
  at: _4,
  headers: _5,
  origin: _6,
  ...rest
}: Entry): string {
  return `${JSON.stringify(rest)}\n`;
}

/** Puts entries together, line by line. A line that a crash cut short is left out. */
export class EntryReader {
  readonly #entries = new Map<number, Entry>();

  read(text: string): void {
    const known = parse(text);
    if (known === undefined) return;
    if ('body' in known) {
      const { body, ...entry } = known;
      const rawBody = Buffer.from(body, 'base64');
      this.#entries.set(entry.key, { ...arrived(), ...entry, rawBody, signature: null });
      return;
    }
    const entry = this.#entries.get(known.key);
    if (entry !== undefined) Object.assign(entry, known);
  }

  /** The oldest first. */
  entries(): Entry[] {
    return [...this.#entries.values()].sort((a, b) => a.key - b.key).map(concluded);
  }
}

/** What was under way when the process ended is not under way any more. */
function concluded(entry: Entry): Entry {
  for (const run of entry.runs) if (run.outcome === 'running') run.outcome = 'failed';
  return entry.outcome === 'running'
    ? { ...entry, outcome: 'failed', cause: 'The process ended before this was answered.' }
    : entry;
}

function parse(text: string): z.infer<typeof line> | undefined {
  try {
    return line.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
