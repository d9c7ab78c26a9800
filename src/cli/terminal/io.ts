import { styleText } from 'node:util';
import { harmless } from './text.js';

/** Where lines go to. */
export interface Output {
  write(text: string): void;
  /** Whether a person looks at it. */
  readonly isTerminal: boolean;
  /** The width of the terminal. */
  readonly columns?: number | undefined;
}

/** What surrounds a run: the process, or a test. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** All of standard input. */
  input(): Promise<Buffer>;
  /** The next line that a person types, or undefined at the end of input. Only where the question can be seen. */
  readonly readLine?: (() => Promise<string | undefined>) | undefined;
  readonly out: Output;
  readonly err: Output;
  /** Aborts when the person has enough. */
  readonly signal: AbortSignal;
}

/** What a command talks to. */
export interface Io extends Pick<Surroundings, 'env' | 'input' | 'readLine' | 'signal'> {
  /** What was asked for. Nothing in it can steer the terminal, wherever it is from. */
  out(...pieces: readonly Piece[]): void;
  /** Progress and complaints, likewise. */
  err(...pieces: readonly Piece[]): void;
  /** The width that `out` has, if it is a terminal. */
  readonly columns: number | undefined;
}

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Text in a colour, if it comes to a terminal. */
export interface Painted {
  readonly colour: Colour;
  readonly text: string;
}

export type Piece = string | Painted;

export function paint(colour: Colour, text: string): Painted {
  return { colour, text };
}

/** One of the two may be a terminal and the other a file, so each has colours or not. See also no-color.org. */
export function ioOf({ env, input, readLine, out, err, signal }: Surroundings): Io {
  const sayOn = (output: Output) => {
    const hasColours = output.isTerminal && !env['NO_COLOR'];
    return (...pieces: readonly Piece[]): void =>
      output.write(pieces.map((piece) => shown(piece, hasColours)).join(''));
  };
  const columns = out.isTerminal ? out.columns : undefined;
  return { env, input, readLine, signal, out: sayOn(out), err: sayOn(err), columns };
}

function shown(piece: Piece, hasColours: boolean): string {
  if (typeof piece === 'string') return harmless(piece);
  const text = harmless(piece.text);
  return hasColours ? styleText(piece.colour, text, { validateStream: false }) : text;
}
