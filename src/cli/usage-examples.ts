import type { Command } from 'commander';

const HERE = '--url https://app.example.com/webhooks/cakemail';

/** By the names of a command and of the one it is in. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  plan: [`plan ${HERE} --events 'User.LoggedIn,Email.*'`, `plan ${HERE} --events 'Email.*' --prune --check`],
  apply: [
    `apply ${HERE} --events 'User.LoggedIn,Email.*'`,
    `apply ${HERE} --events 'Email.*' --rate-limit 50/second --json`,
    `apply ${HERE} --events 'Email.*' --prune --yes`,
  ],
  list: ['list', `list ${HERE} --archived --json`],
  show: ['show 1a2b3c', 'show 1a2b3c --reveal'],
  create: [`create User.LoggedIn ${HERE}`],
  archive: ['archive 1a2b3c'],
  unarchive: ['unarchive 1a2b3c'],
  rotate: ['rotate 1a2b3c', 'rotate 1a2b3c --grace 600'],
  keys: [`keys ${HERE} --out keys.json`, `keys ${HERE} --out webhooks.env`, `keys ${HERE} --print`],
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

/** Ends the help of a command, and of those in it, with examples. */
export function addExamples(command: Command, within = ''): void {
  const name = `${within}${command.name()}`;
  const lines = EXAMPLES[name]?.map((line) => `  cakemail-webhooks ${line}`) ?? [];
  if (lines.length > 0)
    command.addHelpText('after', ['', lines.length > 1 ? 'Examples:' : 'Example:', ...lines].join('\n'));
  for (const each of command.commands) addExamples(each, `${name} `);
}
