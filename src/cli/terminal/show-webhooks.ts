import { isNewer, type Plan, type Step, type Webhook } from '../../api/index.js';
import { type Colour, type Io, type Painted, paint } from './io.js';
import { table } from './text.js';

const MARKS: Record<Step['action'], readonly [mark: string, colour: Colour]> = {
  create: ['+', 'green'],
  unarchive: ['+', 'green'],
  update: ['~', 'yellow'],
  archive: ['-', 'red'],
  keep: [' ', 'dim'],
};

export function rateOf({ rateLimit }: Pick<Webhook, 'rateLimit'>): string {
  return rateLimit === null ? '' : `${rateLimit.limit}/${rateLimit.period}`;
}

export function webhookTable({ columns }: Io, webhooks: readonly Webhook[]): string {
  const rows = webhooks.map((each) => [each.id, each.event, each.status, rateOf(each), each.url]);
  return table([['ID', 'EVENT', 'STATUS', 'RATE', 'URL'], ...rows], columns);
}

export function stepLine(step: Step): Painted {
  const [mark, colour] = MARKS[step.action];
  const id = 'webhook' in step ? `  ${step.webhook.id}` : '';
  const change = step.action === 'update' ? `: ${rateOf(step.webhook) || '?'} → ${rateOf(step)}` : '';
  return line(mark, colour, step.action, `${step.event}${id}${change}`);
}

/** How many steps of each kind there are, a line for each kind. */
export function summaryLines(steps: readonly Step[]): string[] {
  const counts = new Map<string, number>();
  for (const { action } of steps) if (action !== 'keep') counts.set(action, (counts.get(action) ?? 0) + 1);
  return [...counts].map(([action, count]) => `${count} to ${action}`);
}

/** Describes the webhooks that are left alone, and the remedies. */
export function remarkLines({ duplicates, unclear, similar, steps }: Plan): Painted[] {
  const current = new Map(
    steps.flatMap((step) => ('webhook' in step && step.action !== 'archive' ? [[step.event, step.webhook]] : [])),
  );
  const pruned = new Set(steps.flatMap((step) => (step.action === 'archive' ? [step.webhook.id] : [])));
  return [
    ...duplicates.filter(({ id }) => !pruned.has(id)).map((each) => duplicateLine(each, current.get(each.event))),
    ...unclear.map(({ id, event, status }) =>
      line('?', 'yellow', status, `${event || '(no event)'}  ${id || '(no id)'}: left alone`),
    ),
    ...similar.map(({ id, event, url }) =>
      line(
        '?',
        'yellow',
        'similar',
        `${event}  ${id}: delivers to ${url}, which differs by a trailing slash and is another URL`,
      ),
    ),
  ];
}

export function duplicateLine({ id, event }: Webhook, other: Webhook | undefined): Painted {
  return line('!', 'yellow', 'duplicate', `${event}  ${id}: ${duplicateAdvice(id, other?.id)}`);
}

function duplicateAdvice(id: string, other: string | undefined): string {
  if (other === undefined) return 'another one delivers the same';
  switch (isNewer(other, id)) {
    case true:
      return `${other} is newer and delivers the same. \`rotate ${id}\` ends a rotation that was interrupted; if there was none, \`apply --prune-duplicates\` archives ${id}.`;
    case false:
      return `${other} delivers the same. Another process created it at the same time: see what \`plan\` says.`;
    default:
      return `${other} delivers the same, and their ids do not tell which one is newer. If a rotation was interrupted, run \`rotate\` with the id of the older one again.`;
  }
}

function line(mark: string, colour: Colour, what: string, text: string): Painted {
  return paint(colour, table([[mark, what.padEnd(9), text]]));
}

/** A step as programs read it. */
export function plainStep(step: Step) {
  return { action: step.action, event: step.event, ...('webhook' in step && { id: step.webhook.id }) };
}
