import { Command, CommanderError } from 'commander';
import { ConfigurationError, toError, WebhookError } from '../errors.js';
import { VERSION } from '../version.js';
import { inboxCommand } from './commands/inbox.js';
import { keysCommand, rotateCommand } from './commands/keys.js';
import { listenCommand } from './commands/listen.js';
import { applyCommand, CHANGES_WANTED, planCommand } from './commands/plan.js';
import { triggerCommand } from './commands/trigger.js';
import { doctorCommand, verifyCommand } from './commands/verify.js';
import { archiveCommand, createCommand, listCommand, showCommand, unarchiveCommand } from './commands/webhooks.js';
import { complaint } from './complaint.js';
import { UsageError } from './connect.js';
import { addExamples } from './examples.js';
import { type Io, ioOf, paint, type Surroundings } from './io.js';
import { printable } from './text.js';

const HELP_COLUMNS = 80;
const HELP = `
Environment:
  CAKEMAIL_TOKEN                          a personal access token, or
  CAKEMAIL_USERNAME, CAKEMAIL_PASSWORD    a user without a second factor
  CAKEMAIL_ACCOUNT_ID                     the account, when the user has several
  CAKEMAIL_API_URL                        another address of the API than Cakemail's own
  CAKEMAIL_WEBHOOK_SECRET                 the key to sign or verify with, or
  CAKEMAIL_WEBHOOK_SECRETS                a map from event to keys, as \`keys\` writes it
  CAKEMAIL_INBOX_URL, CAKEMAIL_INBOX_NAME the inbox to look into
  NO_COLOR                                no colours

Exit codes:
  0  done                 2  wrong use, or an option that cannot be right
  1  it failed            ${CHANGES_WANTED}  \`plan --check\`: there is something to do
                          130  interrupted; run the same again to go on

Examples:
  cakemail-webhooks plan  --url https://app.example.com/webhooks/cakemail --events 'User.LoggedIn,Email.*'
  cakemail-webhooks apply --url https://app.example.com/webhooks/cakemail --events 'User.LoggedIn,Email.*'
  cakemail-webhooks keys  --url https://app.example.com/webhooks/cakemail --out .env
  cakemail-webhooks rotate 1a2b3c --grace 600
  cakemail-webhooks listen --forward-to http://localhost:3000/webhooks/cakemail
  cakemail-webhooks trigger User.LoggedIn --set data.email=me@example.com
  cakemail-webhooks doctor --body body.json --signature 'A1b2…='`;

/** Runs a command line, and resolves to its exit code. */
export async function run(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const io = ioOf(surroundings);
  let code = 0;
  const program = new Command('cakemail-webhooks')
    .description("Manages an account's webhooks at Cakemail, and helps to develop what receives them.")
    .version(VERSION)
    .addHelpText('after', HELP);
  const exit = (wanted: number): void => {
    code = wanted;
  };
  for (const command of [
    planCommand(io, exit),
    applyCommand(io),
    listCommand(io),
    showCommand(io),
    createCommand(io),
    archiveCommand(io),
    unarchiveCommand(io),
    rotateCommand(io),
    keysCommand(io),
    listenCommand(io),
    triggerCommand(io, exit),
    verifyCommand(io, exit),
    doctorCommand(io, exit),
    inboxCommand(io),
  ]) {
    addExamples(command);
    program.addCommand(command.copyInheritedSettings(program));
  }
  const all = program.commands.flatMap((command) => [command, ...command.commands]);
  for (const command of [program, ...all]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd()),
      outputError: () => {}, // explain() does, without the values
      getOutHelpWidth: () => io.columns ?? HELP_COLUMNS,
    });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (thrown) {
    return explain(io, thrown);
  }
}

/** Says what went wrong, and gives the exit code for it. */
function explain(io: Io, thrown: unknown): number {
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return 0;
    const said = complaint(thrown);
    if (said !== undefined) io.err(said);
    return 2;
  }
  if (io.signal.aborted) {
    io.err('Interrupted. What was done stays done; run the same again to go on.');
    return 130;
  }
  const error = toError(thrown);
  io.err(paint('red', printable(error.message)));
  if (error instanceof ConfigurationError || error instanceof UsageError) return 2;
  if (error instanceof WebhookError) io.err(error.help);
  return 1;
}
