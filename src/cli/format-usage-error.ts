import type { CommanderError } from 'commander';

const SUGGESTION = /\n\(Did you mean [^\n]*\?\)$/;

/** Words commander's error without the values of arguments, because any of them may be a misplaced secret. Undefined after the help. */
export function formatUsageError({ code, message }: CommanderError): string | undefined {
  const [suggestion = ''] = SUGGESTION.exec(message) ?? [];
  switch (code) {
    case 'commander.help':
      return undefined;
    case 'commander.unknownOption': {
      const [, name] = /'(--[a-z][a-z-]{0,30}(?=[='])|-[a-z])/i.exec(message) ?? [];
      return `error: unknown option${name === undefined ? '' : ` '${name}'`}${suggestion}`;
    }
    case 'commander.unknownCommand':
      return `error: unknown command${suggestion || '; --help lists all commands'}`;
    case 'commander.invalidArgument':
      return message.replace(/ (argument|value) '[\s\S]*' is invalid/, ' is invalid');
    default:
      return message;
  }
}
