import { Command } from 'commander';
import { VERSION } from '../shared/version.js';
import { inboxCommand } from './commands/inbox.js';
import { keysCommand, rotateCommand } from './commands/keys.js';
import { listenCommand } from './commands/listen.js';
import { applyCommand, EXIT_CHANGES_PENDING, planCommand } from './commands/plan.js';
import { triggerCommand } from './commands/trigger.js';
import { doctorCommand, verifyCommand } from './commands/verify.js';
import { archiveCommand, createCommand, listCommand, showCommand, unarchiveCommand } from './commands/webhooks.js';
import { isJsonRequested, reportError } from './failure.js';
import { addExamples } from './help-examples.js';
import { type CliEnvironment, createIo } from './terminal/io.js';

const HELP_COLUMNS = 80;
const HELP_EPILOGUE = `
Environment:
  CAKEMAIL_TOKEN                          a personal access token, or
  CAKEMAIL_USERNAME, CAKEMAIL_PASSWORD    a user without a second factor
  CAKEMAIL_ACCOUNT_ID                     the account, when the user has several
  CAKEMAIL_API_URL                        the URL of the API, if it is not Cakemail's own
  CAKEMAIL_WEBHOOK_SECRET                 the key to sign or verify with, or
  CAKEMAIL_WEBHOOK_SECRETS                the keys of each event, as \`keys --print\` prints them
  CAKEMAIL_INBOX_URL, CAKEMAIL_INBOX_NAME the inbox to inspect
  NO_COLOR                                no colours

Exit codes:
  0  success              2  wrong usage or an invalid option
  1  failure, or the question of \`apply\` or \`inbox replay\` was declined
  ${EXIT_CHANGES_PENDING}  \`plan --check\`: pending changes, a duplicate or an unknown status
  130  interrupted; run the same command again to continue

Errors go to standard error, each with a stable code: \`message [ERR_…]\`.
With --json the last line there is an object, whose help may be absent:
  { "error": { "code": "ERR_…", "message": "…", "help": "…" } }

Examples:
  cakemail-webhooks plan  --url https://app.example.com/webhooks/cakemail --events 'User.LoggedIn,Email.*'
  cakemail-webhooks apply --url https://app.example.com/webhooks/cakemail --events 'User.LoggedIn,Email.*'
  cakemail-webhooks keys  --url https://app.example.com/webhooks/cakemail --out keys.json
  cakemail-webhooks rotate 1a2b3c --grace 600
  cakemail-webhooks listen --forward-to http://localhost:3000/webhooks/cakemail
  cakemail-webhooks trigger User.LoggedIn --set data.email=me@example.com
  cakemail-webhooks doctor --body body.json --signature 'A1b2…='`;

/** Runs a command line, and resolves to the exit code. */
export async function run(args: readonly string[], environment: CliEnvironment): Promise<number> {
  const io = createIo(environment);
  let code = 0;
  const program = new Command('cakemail-webhooks')
    .description("Manages an account's webhooks at Cakemail, and helps to develop the apps that receive them.")
    .version(VERSION)
    .addHelpText('after', HELP_EPILOGUE);
  const exit = (exitCode: number): void => {
    code = exitCode;
  };
  for (const command of [
    planCommand(io, exit),
    applyCommand(io, exit),
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
    inboxCommand(io, exit),
  ]) {
    addExamples(command);
    program.addCommand(command.copyInheritedSettings(program));
  }
  const all = program.commands.flatMap((command) => [command, ...command.commands]);
  for (const command of [program, ...all]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => io.out(text.trimEnd()),
      writeErr: (text) => io.err(text.trimEnd()),
      outputError: () => {}, // reportError() prints it, without values
      getOutHelpWidth: () => io.columns ?? HELP_COLUMNS,
    });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (thrown) {
    return reportError(io, thrown, isJsonRequested(args));
  }
}
