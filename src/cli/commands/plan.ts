import { Command, Option } from 'commander';
import {
  type ApplyResult,
  applyPlan,
  type CakemailApi,
  type Plan,
  planWebhooks,
  type RateLimit,
} from '../../api/index.js';
import { toOneLine } from '../../shared/control-chars.js';
import { jsonOption, parseNames, rateOption, urlOption } from '../shared-options.js';
import { confirm } from '../terminal/confirm.js';
import type { Io } from '../terminal/io.js';
import { formatDuplicate, formatRemarks, formatStep, formatSummary, stepToJson } from '../terminal/show-webhooks.js';
import { toJson } from '../terminal/text.js';
import { withApi } from '../with-api.js';

interface Options {
  readonly url: string;
  readonly events: readonly string[];
  readonly rateLimit?: RateLimit;
  readonly prune?: boolean;
  readonly pruneDuplicates?: boolean;
  readonly yes?: boolean;
  readonly check?: boolean;
  readonly json?: boolean;
}

/** The exit code of `plan --check` when the plan has changes, duplicates or unknown statuses. */
export const EXIT_CHANGES_PENDING = 3;

function withPlanOptions(command: Command): Command {
  return command
    .addOption(urlOption())
    .addOption(
      new Option('--events <names>', 'names or patterns, as in User.LoggedIn,Email.*')
        .argParser(parseNames)
        .makeOptionMandatory(),
    )
    .addOption(rateOption())
    .option('--prune', 'archive the webhooks on this URL for all other events')
    .option(
      '--prune-duplicates',
      'archive older webhooks for the same event, if their ids are numeric; not during a rotation',
    )
    .addOption(jsonOption());
}

export function planCommand(io: Io, exit: (code: number) => void): Command {
  return withPlanOptions(new Command('plan').description('show what `apply` would do'))
    .option('--check', `exit with code ${EXIT_CHANGES_PENDING} for pending changes, a duplicate or an unknown status`)
    .action(async (options: Options) => {
      const plan = await withApi(io, (api) => makePlan(api, io, options));
      if (options.json) io.out(toJson(planToJson(plan)));
      else printPlan(io, plan);
      const isUpToDate = plan.isEmpty && plan.duplicates.length === 0 && plan.unknownStatus.length === 0;
      if (options.check && !isUpToDate) exit(EXIT_CHANGES_PENDING);
    });
}

function printPlan(io: Io, plan: Plan): void {
  const { steps, duplicates, unknownStatus } = plan;
  for (const step of steps) io.out(formatStep(step));
  for (const line of formatRemarks(plan)) io.out(line);
  for (const line of formatSummary(steps)) io.out(line);
  if (duplicates.length > 0) io.out(`${duplicates.length} duplicate${duplicates.length === 1 ? '' : 's'}`);
  if (unknownStatus.length > 0) io.out(`${unknownStatus.length} with an unknown status`);
  io.out(plan.isEmpty ? 'Nothing to do.' : 'Run `apply` with the same options.');
}

export function applyCommand(io: Io, exit: (code: number) => void): Command {
  return withPlanOptions(new Command('apply').description('create, unarchive, update and archive webhooks as planned'))
    .option('--yes', 'archive without asking')
    .action((options: Options) => withApi(io, (api) => apply(api, io, options, exit)));
}

async function apply(api: CakemailApi, io: Io, options: Options, exit: (code: number) => void): Promise<void> {
  const plan = await makePlan(api, io, options);
  if (!(await confirmArchiving(io, plan, options))) {
    if (options.json) io.out(toJson(resultToJson(plan.url, declinedResult(plan))));
    else io.err('Nothing was changed.');
    return exit(1);
  }
  const print = options.json ? io.err : io.out;
  const onStep = (step: Plan['steps'][number]): void => {
    if (step.action !== 'keep') print(formatStep(step));
  };
  const applied = await applyPlan(plan, { onStep, signal: io.signal });
  if (options.json) return io.out(toJson(resultToJson(plan.url, applied)));
  const { steps, webhooks, duplicates } = applied;
  for (const line of formatRemarks({ ...plan, duplicates: [] })) io.out(line);
  for (const each of duplicates)
    io.out(
      formatDuplicate(
        each,
        webhooks.find(({ event }) => event === each.event),
      ),
    );
  io.out(steps.length === 0 ? 'Nothing to do.' : `Done: ${webhooks.length} active webhooks.`);
}

/** The result of a plan that was declined. */
function declinedResult({ steps, duplicates }: Plan): ApplyResult {
  const webhooks = steps.flatMap((step) => (step.action === 'keep' || step.action === 'update' ? [step.webhook] : []));
  // An update that follows an unarchive step holds the webhook while it is still archived.
  return { steps: [], webhooks: webhooks.filter(({ status }) => status === 'active'), duplicates };
}

function resultToJson(url: string, { steps, webhooks, duplicates }: ApplyResult) {
  return {
    url,
    steps: steps.map(stepToJson),
    webhooks: webhooks.map(({ id, event }) => ({ event, id })),
    duplicates: duplicates.map(({ id }) => id),
  };
}

async function confirmArchiving(io: Io, { steps }: Plan, { yes }: Options): Promise<boolean> {
  const archived = steps.filter((step) => step.action === 'archive');
  if (archived.length === 0 || yes) return true;
  const names = archived.map(({ event, webhook }) => toOneLine(`${event} (${webhook.id})`));
  return confirm(io, `Archive ${names.length} webhook${names.length === 1 ? '' : 's'}: ${names.join(', ')}?`);
}

function makePlan(
  api: CakemailApi,
  io: Io,
  { url, events, rateLimit, prune, pruneDuplicates }: Options,
): Promise<Plan> {
  return planWebhooks({ api, url, events, rateLimit, prune, pruneDuplicates, signal: io.signal });
}

function planToJson({ url, isEmpty, steps, duplicates, unknownStatus, similar }: Plan) {
  return {
    url,
    isEmpty,
    steps: steps.map(stepToJson),
    duplicates: duplicates.map(({ id }) => id),
    unknownStatus: unknownStatus.map(({ id, event, status }) => ({ id, event, status })),
    similar: similar.map(({ id, event, url: other }) => ({ id, event, url: other })),
  };
}
