import type { CommanderError } from 'commander';

const SUGGESTION = /\n\(Did you mean [^\n]*\?\)$/;

/** What commander found wrong with the arguments, if it has not said it. Values are left out: any may be a secret in the wrong place. */
export function complaint({ code, message }: CommanderError): string | undefined {
  const [suggestion = ''] = SUGGESTION.exec(message) ?? [];
  switch (code) {
    case 'commander.help':
      return undefined;
    case 'commander.unknownOption': {
      const [, name] = /'(--[a-z][a-z-]{0,30}(?=[='])|-[a-z])/i.exec(message) ?? [];
      return `error: unknown option${name === undefined ? '' : ` '${name}'`}${suggestion}`;
    }
    case 'commander.unknownCommand':
      return `error: there is no such command${suggestion || '; --help lists all'}`;
    case 'commander.invalidArgument':
      return message.replace(/ (argument|value) '[\s\S]*' is invalid/, ' is invalid');
    default:
      return message;
  }
}
