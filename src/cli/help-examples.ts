import type { Command } from 'commander';

const URL_OPTION = '--url https://app.example.com/webhooks/cakemail';

/** Examples by the name of a command, with its parent's name in front. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  plan: [
    `plan ${URL_OPTION} --events 'User.LoggedIn,Email.*'`,
    `plan ${URL_OPTION} --events 'Email.*' --prune --check`,
  ],
  apply: [
    `apply ${URL_OPTION} --events 'User.LoggedIn,Email.*'`,
    `apply ${URL_OPTION} --events 'Email.*' --rate-limit 50/second --json`,
    `apply ${URL_OPTION} --events 'Email.*' --prune --yes`,
  ],
  list: ['list', `list ${URL_OPTION} --archived --json`],
  show: ['show 1a2b3c', 'show 1a2b3c --reveal'],
  create: [`create User.LoggedIn ${URL_OPTION}`],
  archive: ['archive 1a2b3c'],
  unarchive: ['unarchive 1a2b3c'],
  rotate: ['rotate 1a2b3c', 'rotate 1a2b3c --grace 600'],
  keys: [`keys ${URL_OPTION} --out keys.json`, `keys ${URL_OPTION} --out webhooks.env`, `keys ${URL_OPTION} --print`],
  listen: ['listen', 'listen --forward-to http://localhost:3000/webhooks/cakemail --history .webhooks-history'],
  trigger: [
    'trigger User.LoggedIn --set data.email=me@example.com',
    'trigger Email.Sent --data data.json --count 100 --rate 10',
    'trigger User.LoggedIn --forge tampered',
  ],
  verify: ["verify --body body.json --signature 'A1b2…='"],
  doctor: ["doctor --body body.json --signature 'A1b2…='", "doctor --body - --signature 'A1b2…=' < body.json"],
  inbox: ['inbox stats', 'inbox list --state dead'],
  'inbox list': ['inbox list --state dead --since 2026-11-24T12:00Z', 'inbox list --limit 500 --json'],
  'inbox show': ['inbox show 1a2b3c'],
  'inbox replay': [
    'inbox replay 1a2b3c',
    'inbox replay --state dead --event User.LoggedIn',
    'inbox replay --all --yes',
  ],
  'inbox stats': ['inbox stats --json'],
};

/** Adds examples to the help of a command and of its subcommands. */
export function addExamples(command: Command, parents = ''): void {
  const name = `${parents}${command.name()}`;
  const lines = EXAMPLES[name]?.map((line) => `  cakemail-webhooks ${line}`) ?? [];
  if (lines.length > 0)
    command.addHelpText('after', ['', lines.length > 1 ? 'Examples:' : 'Example:', ...lines].join('\n'));
  for (const subcommand of command.commands) addExamples(subcommand, `${name} `);
}
