import { Command, Option } from 'commander';
import { type Capture, diagnose } from '../../diagnosis/diagnose.js';
import { fileOf } from '../read-input.js';
import { givenKeys, type KeyOptions } from '../read-secrets.js';
import { jsonOption, keysOption, secretOption } from '../shared-options.js';
import { diagnosisLines } from '../terminal/diagnosis-lines.js';
import { type Io, paint } from '../terminal/io.js';
import { json } from '../terminal/text.js';

interface Options extends KeyOptions {
  readonly body: string;
  readonly signature: string;
  readonly json?: boolean;
}

function withCapture(command: Command): Command {
  return command
    .addOption(new Option('--body <file>', 'the body as it came; - for standard input').makeOptionMandatory())
    .addOption(new Option('--signature <text>', 'the header as it came').makeOptionMandatory())
    .addOption(secretOption('verify'))
    .addOption(keysOption())
    .addOption(jsonOption());
}

export function verifyCommand(io: Io, exit: (code: number) => void): Command {
  return withCapture(new Command('verify').description('tell whether a signature holds')).action(
    async (options: Options) => {
      const isValid = diagnose(await captured(io, options)).verdict === 'valid';
      if (options.json) io.out(json({ valid: isValid }));
      else if (isValid) io.out(paint('green', 'The signature holds.'));
      else io.out(paint('red', 'The signature does not hold.'), ' `doctor` with the same options looks for the cause.');
      if (!isValid) exit(1);
    },
  );
}

export function doctorCommand(io: Io, exit: (code: number) => void): Command {
  return withCapture(new Command('doctor').description('tell why a delivery was answered 403, and what to do')).action(
    async (options: Options) => {
      const diagnosis = diagnose(await captured(io, options));
      if (options.json) io.out(json(diagnosis));
      else for (const line of diagnosisLines(diagnosis, options.signature)) io.out(line);
      if (diagnosis.verdict !== 'valid') exit(1);
    },
  );
}

async function captured(io: Io, options: Options): Promise<Capture> {
  const { body, signature } = options;
  const bytes = body === '-' ? await io.input() : await fileOf('--body', body);
  return { body: bytes, signature, keys: await givenKeys(io, options) };
}
