import { isNewer, type Plan, type Step, type Webhook } from '../../api/index.js';
import { type Colour, type Io, type Painted, paint } from './io.js';
import { table } from './text.js';

const MARKERS: Record<Step['action'], readonly [marker: string, colour: Colour]> = {
  create: ['+', 'green'],
  unarchive: ['+', 'green'],
  update: ['~', 'yellow'],
  archive: ['-', 'red'],
  keep: [' ', 'dim'],
};

export function formatRateLimit({ rateLimit }: Pick<Webhook, 'rateLimit'>): string {
  return rateLimit === null ? '' : `${rateLimit.limit}/${rateLimit.period}`;
}

export function webhookTable({ columns }: Io, webhooks: readonly Webhook[]): string {
  const rows = webhooks.map((each) => [each.id, each.event, each.status, formatRateLimit(each), each.url]);
  return table([['ID', 'EVENT', 'STATUS', 'RATE', 'URL'], ...rows], columns);
}

export function formatStep(step: Step): Painted {
  const [marker, colour] = MARKERS[step.action];
  const id = 'webhook' in step ? `  ${step.webhook.id}` : '';
  const change = step.action === 'update' ? `: ${formatRateLimit(step.webhook) || '?'} → ${formatRateLimit(step)}` : '';
  return formatLine(marker, colour, step.action, `${step.event}${id}${change}`);
}

/** Counts the steps of each kind, one line per kind. */
export function formatSummary(steps: readonly Step[]): string[] {
  const counts = new Map<string, number>();
  for (const { action } of steps) if (action !== 'keep') counts.set(action, (counts.get(action) ?? 0) + 1);
  return [...counts].map(([action, count]) => `${count} to ${action}`);
}

/** Describes the webhooks that the plan does not change, and what to do about them. */
export function formatRemarks({ duplicates, unknownStatus, similar, steps }: Plan): Painted[] {
  const current = new Map(
    steps.flatMap((step) => ('webhook' in step && step.action !== 'archive' ? [[step.event, step.webhook]] : [])),
  );
  const pruned = new Set(steps.flatMap((step) => (step.action === 'archive' ? [step.webhook.id] : [])));
  return [
    ...duplicates.filter(({ id }) => !pruned.has(id)).map((each) => formatDuplicate(each, current.get(each.event))),
    ...unknownStatus.map(({ id, event, status }) =>
      formatLine('?', 'yellow', status, `${event || '(no event)'}  ${id || '(no id)'}: not changed`),
    ),
    ...similar.map(({ id, event, url }) =>
      formatLine(
        '?',
        'yellow',
        'similar',
        `${event}  ${id}: delivers to ${url}, which differs by a trailing slash and is another URL`,
      ),
    ),
  ];
}

export function formatDuplicate({ id, event }: Webhook, other: Webhook | undefined): Painted {
  return formatLine('!', 'yellow', 'duplicate', `${event}  ${id}: ${duplicateAdvice(id, other?.id)}`);
}

function duplicateAdvice(id: string, other: string | undefined): string {
  if (other === undefined) return 'another webhook delivers the same events';
  switch (isNewer(other, id)) {
    case true:
      return `${other} is newer and delivers the same events. \`rotate ${id}\` completes an interrupted rotation; if there was none, \`apply --prune-duplicates\` archives ${id}.`;
    case false:
      return `${other} delivers the same events. Another process created it at the same time: check with \`plan\`.`;
    default:
      return `${other} delivers the same events, and the ids do not show which one is newer. If a rotation was interrupted, run \`rotate\` with the id of the older one again.`;
  }
}

function formatLine(marker: string, colour: Colour, label: string, text: string): Painted {
  return paint(colour, table([[marker, label.padEnd(9), text]]));
}

/** Converts a step for `--json`. */
export function stepToJson(step: Step) {
  return { action: step.action, event: step.event, ...('webhook' in step && { id: step.webhook.id }) };
}
