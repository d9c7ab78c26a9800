import { Command, Option } from 'commander';
import { type Capture, diagnose } from '../../diagnosis/diagnose.js';
import { readInputFile } from '../read-input.js';
import { type KeyOptions, readKeys } from '../read-secrets.js';
import { jsonOption, keysOption, secretOption } from '../shared-options.js';
import { formatDiagnosis } from '../terminal/diagnosis-lines.js';
import { type Io, paint } from '../terminal/io.js';
import { toJson } from '../terminal/text.js';

interface Options extends KeyOptions {
  readonly body: string;
  readonly signature: string;
  readonly json?: boolean;
}

function withCapture(command: Command): Command {
  return command
    .addOption(new Option('--body <file>', 'the body as received; - for standard input').makeOptionMandatory())
    .addOption(new Option('--signature <text>', 'the signature header as received').makeOptionMandatory())
    .addOption(secretOption('verify'))
    .addOption(keysOption())
    .addOption(jsonOption());
}

export function verifyCommand(io: Io, exit: (code: number) => void): Command {
  return withCapture(new Command('verify').description('check whether a signature is valid')).action(
    async (options: Options) => {
      const isValid = diagnose(await readCapture(io, options)).verdict === 'valid';
      if (options.json) io.out(toJson({ valid: isValid }));
      else if (isValid) io.out(paint('green', 'The signature is valid.'));
      else io.out(paint('red', 'The signature is not valid.'), ' `doctor` with the same options finds the cause.');
      if (!isValid) exit(1);
    },
  );
}

export function doctorCommand(io: Io, exit: (code: number) => void): Command {
  return withCapture(new Command('doctor').description('explain why a delivery got 403, and how to fix it')).action(
    async (options: Options) => {
      const diagnosis = diagnose(await readCapture(io, options));
      if (options.json) io.out(toJson(diagnosis));
      else for (const line of formatDiagnosis(diagnosis, options.signature)) io.out(line);
      if (diagnosis.verdict !== 'valid') exit(1);
    },
  );
}

async function readCapture(io: Io, options: Options): Promise<Capture> {
  const { body, signature } = options;
  const bytes = body === '-' ? await io.input() : await readInputFile('--body', body);
  return { body: bytes, signature, keys: await readKeys(io, options) };
}
