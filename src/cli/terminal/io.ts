import { styleText } from 'node:util';
import { stripControlChars } from '../../shared/control-chars.js';

/** A stream that lines are written to. */
export interface Output {
  write(text: string): void;
  /** True when the stream is a terminal, and not a file or a pipe. */
  readonly isTerminal: boolean;
  /** The width of the terminal in characters. */
  readonly columns?: number | undefined;
}

/** The environment of a run, which the process or a test provides. */
export interface CliEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads standard input to its end. */
  input(): Promise<Buffer>;
  /** Reads a line that the user types; undefined at the end of input. Present only when the user can see a question. */
  readonly readLine?: (() => Promise<string | undefined>) | undefined;
  readonly out: Output;
  readonly err: Output;
  /** Aborts when the user interrupts the command. */
  readonly signal: AbortSignal;
}

/** The input and output of a command. */
export interface Io extends Pick<CliEnvironment, 'env' | 'input' | 'readLine' | 'signal'> {
  /** Prints a result to standard output, without control characters. */
  out(...pieces: readonly Piece[]): void;
  /** Prints progress and errors to standard error, without control characters. */
  err(...pieces: readonly Piece[]): void;
  /** The width of `out` in characters, if it is a terminal. */
  readonly columns: number | undefined;
}

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Text that has a colour on a terminal. */
export interface Painted {
  readonly colour: Colour;
  readonly text: string;
}

export type Piece = string | Painted;

export function paint(colour: Colour, text: string): Painted {
  return { colour, text };
}

/** Connects a command to its environment. Each output has colours only if it is a terminal; see also no-color.org. */
export function createIo({ env, input, readLine, out, err, signal }: CliEnvironment): Io {
  const printerFor = (output: Output) => {
    const hasColours = output.isTerminal && !env['NO_COLOR'];
    return (...pieces: readonly Piece[]): void =>
      output.write(pieces.map((piece) => format(piece, hasColours)).join(''));
  };
  const columns = out.isTerminal ? out.columns : undefined;
  return { env, input, readLine, signal, out: printerFor(out), err: printerFor(err), columns };
}

function format(piece: Piece, hasColours: boolean): string {
  if (typeof piece === 'string') return stripControlChars(piece);
  const text = stripControlChars(piece.text);
  return hasColours ? styleText(piece.colour, text, { validateStream: false }) : text;
}
