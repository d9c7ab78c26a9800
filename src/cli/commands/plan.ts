import { Command, Option } from 'commander';
import { applyPlan, type Plan, planWebhooks, type RateLimit } from '../../api/index.js';
import { connect } from '../connect.js';
import type { Io } from '../io.js';
import { jsonOption, names, rateOption, urlOption } from '../options.js';
import { duplicateLines, plainStep, stepLine } from '../show.js';
import { json } from '../text.js';

interface Options {
  readonly url: string;
  readonly events: readonly string[];
  readonly rateLimit?: RateLimit;
  readonly prune?: boolean;
  readonly check?: boolean;
  readonly json?: boolean;
}

/** Ends with this code when `--check` finds something to do. */
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
    .addOption(jsonOption());
}

export function planCommand(io: Io, exit: (code: number) => void): Command {
  return withTarget(new Command('plan').description('show what `apply` would do'))
    .option('--check', `end with code ${CHANGES_WANTED} when there is something to do`)
    .action(async (options: Options) => {
      const plan = await makePlan(io, options);
      if (options.json) io.out(json(plain(plan)));
      else {
        for (const step of plan.steps) io.out(stepLine(step));
        for (const line of duplicateLines(plan)) io.out(line);
        const changes = plan.steps.filter(({ action }) => action !== 'keep').length;
        io.out(plan.isEmpty ? 'Nothing to do.' : `${changes} to do: run \`apply\` with the same options.`);
      }
      if (options.check && !plan.isEmpty) exit(CHANGES_WANTED);
    });
}

export function applyCommand(io: Io): Command {
  return withTarget(
    new Command('apply').description('create, bring back, change and archive webhooks until they are as wanted'),
  ).action(async (options: Options) => {
    const plan = await makePlan(io, options);
    const say = options.json ? io.err : io.out;
    const onStep = (step: Plan['steps'][number]): void => {
      if (step.action !== 'keep') say(stepLine(step));
    };
    const { steps, webhooks, duplicates } = await applyPlan(plan, { onStep });
    if (options.json) {
      const ids = webhooks.map(({ id, event }) => ({ event, id }));
      io.out(
        json({ url: plan.url, steps: steps.map(plainStep), webhooks: ids, duplicates: duplicates.map(({ id }) => id) }),
      );
      return;
    }
    for (const line of duplicateLines({ duplicates })) io.out(line);
    io.out(steps.length === 0 ? 'Nothing to do.' : `Done: ${webhooks.length} active webhooks.`);
  });
}

function makePlan(io: Io, { url, events, rateLimit, prune }: Options): Promise<Plan> {
  return planWebhooks({ api: connect(io), url, events, rateLimit, prune, signal: io.signal });
}

function plain({ url, isEmpty, steps, duplicates }: Plan) {
  return { url, isEmpty, steps: steps.map(plainStep), duplicates: duplicates.map(({ id }) => id) };
}
