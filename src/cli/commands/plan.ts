import { Command, Option } from 'commander';
import { type Applied, applyPlan, type CakemailApi, type Plan, planWebhooks, type RateLimit } from '../../api/index.js';
import { withApi } from '../environment.js';
import { jsonOption, names, rateOption, urlOption } from '../shared-options.js';
import { confirm } from '../terminal/confirm.js';
import type { Io } from '../terminal/io.js';
import { duplicateLine, plainStep, remarkLines, stepLine, summaryLines } from '../terminal/show-webhooks.js';
import { json, printable } from '../terminal/text.js';

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

/** `plan --check` ends with this code when there is something to do or to look at. */
export const CHANGES_WANTED = 3;

function withTarget(command: Command): Command {
  return command
    .addOption(urlOption())
    .addOption(
      new Option('--events <names>', 'names or patterns, as in User.LoggedIn,Email.*')
        .argParser(names)
        .makeOptionMandatory(),
    )
    .addOption(rateOption())
    .option('--prune', 'archive what is on this URL for other events')
    .option(
      '--prune-duplicates',
      'archive the older ones of several for one event, where both ids are numbers; not while a rotation runs',
    )
    .addOption(jsonOption());
}

export function planCommand(io: Io, exit: (code: number) => void): Command {
  return withTarget(new Command('plan').description('show what `apply` would do'))
    .option(
      '--check',
      `end with code ${CHANGES_WANTED} when there is something to do, a duplicate or a status that is not known`,
    )
    .action(async (options: Options) => {
      const plan = await withApi(io, (api) => makePlan(api, io, options));
      if (options.json) io.out(json(plain(plan)));
      else print(io, plan);
      const isRight = plan.isEmpty && plan.duplicates.length === 0 && plan.unclear.length === 0;
      if (options.check && !isRight) exit(CHANGES_WANTED);
    });
}

function print(io: Io, plan: Plan): void {
  const { steps, duplicates, unclear } = plan;
  for (const step of steps) io.out(stepLine(step));
  for (const line of remarkLines(plan)) io.out(line);
  for (const line of summaryLines(steps)) io.out(line);
  if (duplicates.length > 0) io.out(`${duplicates.length} duplicate${duplicates.length === 1 ? '' : 's'}`);
  if (unclear.length > 0) io.out(`${unclear.length} unclear`);
  io.out(plan.isEmpty ? 'Nothing to do.' : 'Run `apply` with the same options.');
}

export function applyCommand(io: Io, exit: (code: number) => void): Command {
  return withTarget(
    new Command('apply').description('create, bring back, change and archive webhooks until they are as wanted'),
  )
    .option('--yes', 'archive without asking')
    .action((options: Options) => withApi(io, (api) => apply(api, io, options, exit)));
}

async function apply(api: CakemailApi, io: Io, options: Options, exit: (code: number) => void): Promise<void> {
  const plan = await makePlan(api, io, options);
  if (!(await mayArchive(io, plan, options))) {
    if (options.json) io.out(json(plainResult(plan.url, unchanged(plan))));
    else io.err('Nothing was done.');
    return exit(1);
  }
  const say = options.json ? io.err : io.out;
  const onStep = (step: Plan['steps'][number]): void => {
    if (step.action !== 'keep') say(stepLine(step));
  };
  const applied = await applyPlan(plan, { onStep, signal: io.signal });
  if (options.json) return io.out(json(plainResult(plan.url, applied)));
  const { steps, webhooks, duplicates } = applied;
  for (const line of remarkLines({ ...plan, duplicates: [] })) io.out(line);
  for (const each of duplicates)
    io.out(
      duplicateLine(
        each,
        webhooks.find(({ event }) => event === each.event),
      ),
    );
  io.out(steps.length === 0 ? 'Nothing to do.' : `Done: ${webhooks.length} active webhooks.`);
}

/** What there is when a plan is not applied. */
function unchanged({ steps, duplicates }: Plan): Applied {
  const webhooks = steps.flatMap((step) => (step.action === 'keep' || step.action === 'update' ? [step.webhook] : []));
  // The update after an unarchive has the webhook as it was.
  return { steps: [], webhooks: webhooks.filter(({ status }) => status === 'active'), duplicates };
}

function plainResult(url: string, { steps, webhooks, duplicates }: Applied) {
  return {
    url,
    steps: steps.map(plainStep),
    webhooks: webhooks.map(({ id, event }) => ({ event, id })),
    duplicates: duplicates.map(({ id }) => id),
  };
}

async function mayArchive(io: Io, { steps }: Plan, { yes }: Options): Promise<boolean> {
  const archived = steps.filter((step) => step.action === 'archive');
  if (archived.length === 0 || yes) return true;
  const names = archived.map(({ event, webhook }) => printable(`${event} (${webhook.id})`));
  return confirm(io, `Archive ${names.length} webhook${names.length === 1 ? '' : 's'}: ${names.join(', ')}?`);
}

function makePlan(
  api: CakemailApi,
  io: Io,
  { url, events, rateLimit, prune, pruneDuplicates }: Options,
): Promise<Plan> {
  return planWebhooks({ api, url, events, rateLimit, prune, pruneDuplicates, signal: io.signal });
}

function plain({ url, isEmpty, steps, duplicates, unclear, similar }: Plan) {
  return {
    url,
    isEmpty,
    steps: steps.map(plainStep),
    duplicates: duplicates.map(({ id }) => id),
    unclear: unclear.map(({ id, event, status }) => ({ id, event, status })),
    similar: similar.map(({ id, event, url: other }) => ({ id, event, url: other })),
  };
}
