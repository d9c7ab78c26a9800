import { inspect } from 'node:util';

// The secrets of a test, and the search for them in everything that the test left behind.

export const KEY = 'whk_live_Zx81-key-of-the-app';
export const RETIRING = 'whk_live_Qp07-key-that-retires';
const TOKEN = 'ck_pat_0123456789abcdef0123456789abcdef01234567';
export const SESSION = 's%3Aa-session-that-stays-private';
export const CREDENTIALS = {
  authorization: `Bearer ${TOKEN}`,
  'proxy-authorization': `Basic ${Buffer.from(TOKEN).toString('base64')}`,
  cookie: `sid=${SESSION}`,
  'set-cookie': [`sid=${SESSION}`],
};

/** Everything that the traffic left in responses, logs, notices and handlers, and the signatures that it carried. */
export interface Traces {
  readonly seen: unknown[];
  readonly signatures: Set<string>;
  readonly statuses: Set<number>;
  readonly notices: Set<string>;
}

/** A text in every form in which it might be written. */
function formsOf(text: string): string[] {
  const bytes = Buffer.from(text);
  const hex = bytes.toString('hex');
  const spacedHex = hex.replace(/..(?=.)/g, '$& '); // as util.inspect shows a Buffer
  const decimal = bytes.join(','); // as JSON.stringify shows one
  return [text, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url'), hex, spacedHex, decimal];
}

function formsOfSignature(signature: string): string[] {
  const bytes = Buffer.from(signature, 'base64');
  const hex = bytes.toString('hex');
  return [...formsOf(signature), signature.slice(0, 43), bytes.toString('base64url'), hex, bytes.join(',')];
}

/** A value as every common way of writing shows it. */
function shown(value: unknown): string {
  const options = { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity, getters: true };
  const parts = [inspect(value, options), JSON.stringify(value) ?? '', String(value)];
  if (value instanceof Error) parts.push(value.stack ?? '', value.message, shown({ ...value, cause: value.cause }));
  return parts.join('\n');
}

export function expectNothingLeaked({ seen, signatures }: Traces): void {
  const text = seen.map(shown).join('\n').toLowerCase();
  const forms = [KEY, RETIRING, TOKEN, SESSION].flatMap(formsOf);
  for (const signature of signatures) forms.push(...formsOfSignature(signature));
  expect(forms.filter((form) => text.includes(form.toLowerCase()))).toEqual([]);
}

export function newTraces(): Traces {
  return { seen: [], signatures: new Set(), statuses: new Set(), notices: new Set() };
}
