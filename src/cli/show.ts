import type { Plan, Step, Webhook } from '../api/index.js';
import { type Colour, type Io, type Painted, paint } from './io.js';
import { table } from './text.js';

const MARKS: Record<Step['action'], readonly [mark: string, colour: Colour]> = {
  create: ['+', 'green'],
  unarchive: ['+', 'green'],
  update: ['~', 'yellow'],
  archive: ['-', 'red'],
  keep: [' ', 'dim'],
};

export function rateOf({ rateLimit }: Webhook): string {
  return rateLimit === null ? '' : `${rateLimit.limit}/${rateLimit.period}`;
}

export function webhookTable({ columns }: Io, webhooks: readonly Webhook[]): string {
  const rows = webhooks.map((each) => [each.id, each.event, each.status, rateOf(each), each.url]);
  return table([['ID', 'EVENT', 'STATUS', 'RATE', 'URL'], ...rows], columns);
}

export function stepLine(step: Step): Painted {
  const [mark, colour] = MARKS[step.action];
  const id = 'webhook' in step ? `  ${step.webhook.id}` : '';
  return paint(colour, table([[mark, step.action.padEnd(9), `${step.event}${id}`]]));
}

export function duplicateLines({ duplicates }: Pick<Plan, 'duplicates'>): Painted[] {
  return duplicates.map(({ id, event }) =>
    paint('yellow', table([['!', 'duplicate', `${event}  ${id}: delivers the same once more; archive it by its id`]])),
  );
}

/** A step as programs read it. */
export function plainStep(step: Step) {
  return { action: step.action, event: step.event, ...('webhook' in step && { id: step.webhook.id }) };
}
