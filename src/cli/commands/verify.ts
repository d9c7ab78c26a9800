import { Command, Option } from 'commander';
import { type Capture, diagnose } from '../../diagnosis/diagnose.js';
import { fileOf } from '../files.js';
import { type Io, type Piece, paint } from '../io.js';
import { jsonOption } from '../options.js';
import { givenKeys } from '../secrets.js';
import { json, printable } from '../text.js';

const SIGNATURE_BYTES = 32;

interface Options {
  readonly body: string;
  readonly signature: string;
  readonly secret?: string;
  readonly json?: boolean;
}

function withCapture(command: Command): Command {
  return command
    .addOption(new Option('--body <file>', 'the body as it came; - for standard input').makeOptionMandatory())
    .addOption(new Option('--signature <text>', 'the header as it came').makeOptionMandatory())
    .addOption(new Option('--secret <key>', 'the key; otherwise from the environment'))
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
      else for (const line of inWords(diagnosis, options.signature)) io.out(line);
      if (diagnosis.verdict !== 'valid') exit(1);
    },
  );
}

function inWords(diagnosis: ReturnType<typeof diagnose>, signature: string): Piece[] {
  switch (diagnosis.verdict) {
    case 'valid':
      return [paint('green', 'The signature holds: these bytes would be taken.')];
    case 'explained':
      return diagnosis.mistakes.flatMap(({ what, fix }) => [paint('yellow', printable(what)), `  ${printable(fix)}`]);
    case 'unexplained':
      return [
        ...shapeOf(signature),
        paint('red', 'No known mistake explains it.'),
        '  Either the key is not that of this webhook (`cakemail-webhooks show <id> --reveal`), or the body was changed, or it is forged.',
      ];
  }
}

/** Of what cannot be a signature: what it is instead. */
function shapeOf(signature: string): Piece[] {
  const isBase64 = /^([A-Za-z\d+/]{4})*([A-Za-z\d+/]{2}==|[A-Za-z\d+/]{3}=)?$/.test(signature) && signature !== '';
  const bytes = isBase64 ? Buffer.from(signature, 'base64').length : undefined;
  if (bytes === SIGNATURE_BYTES) return [];
  const known: Record<number, string> = { 20: ', as SHA-1 gives', 48: ', as SHA-384 gives', 64: ', as SHA-512 gives' };
  const what = bytes === undefined ? 'no base64' : `the base64 of ${bytes} bytes${known[bytes] ?? ''}`;
  return [
    paint('yellow', `The signature is ${what}; Cakemail's is the base64 of ${SIGNATURE_BYTES}, from HMAC-SHA256.`),
  ];
}

async function captured(io: Io, { body, signature, secret }: Options): Promise<Capture> {
  const bytes = body === '-' ? await io.input() : await fileOf('--body', body);
  return { body: bytes, signature, keys: givenKeys(io, secret) };
}
