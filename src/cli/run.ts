import { Command, CommanderError } from 'commander';
import { ConfigurationError, toError, WebhookError } from '../errors.js';
import { keysCommand, rotateCommand } from './commands/keys.js';
import { applyCommand, CHANGES_WANTED, planCommand } from './commands/plan.js';
import { archiveCommand, createCommand, listCommand, showCommand, unarchiveCommand } from './commands/webhooks.js';
import { UsageError } from './connect.js';
import { type Io, paint } from './io.js';

const HELP = `
Environment:
  CAKEMAIL_TOKEN                          a personal access token, or
  CAKEMAIL_USERNAME, CAKEMAIL_PASSWORD    a user without a second factor
  CAKEMAIL_ACCOUNT_ID                     the account, when the user has several
  NO_COLOR                                no colours

Exit codes:
  0  done                 2  wrong use, or an option that cannot be right
  1  it failed            ${CHANGES_WANTED}  \`plan --check\`: there is something to do
                          130  interrupted; run the same again to go on

Examples:
  cakemail-webhooks plan  --url https://app.example.com/webhooks/cakemail --events 'User.LoggedIn,Email.*'
  cakemail-webhooks apply --url https://app.example.com/webhooks/cakemail --events 'User.LoggedIn,Email.*'
  cakemail-webhooks keys  --url https://app.example.com/webhooks/cakemail --out .env
  cakemail-webhooks rotate 1a2b3c --grace 600`;

/** Runs a command line, and resolves to its exit code. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  let code = 0;
  const program = new Command('cakemail-webhooks')
    .description("Manages an account's webhooks at Cakemail.")
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
  ]) {
    program.addCommand(command.copyInheritedSettings(program));
  }
  for (const command of [program, ...program.commands]) {
    command
      .exitOverride()
      .configureOutput({ writeOut: (text) => io.out(text.trimEnd()), writeErr: (text) => io.err(text.trimEnd()) });
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
  // It has said it itself.
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
  if (io.signal.aborted) {
    io.err('Interrupted. What was done stays done; run the same again to go on.');
    return 130;
  }
  const error = toError(thrown);
  io.err(paint(io, 'red', error.message));
  if (error instanceof ConfigurationError || error instanceof UsageError) return 2;
  if (error instanceof WebhookError) io.err(error.help);
  return 1;
}
