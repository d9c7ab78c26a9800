import { styleText } from 'node:util';

/** What a command talks to. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What was asked for. */
  out(text: string): void;
  /** Progress and complaints. */
  err(text: string): void;
  /** Whether a person looks at what was asked for. */
  readonly isTerminal: boolean;
  /** Aborts when the person has enough. */
  readonly signal: AbortSignal;
}

export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'dim' | 'bold';

/** Coloured on a terminal, unless the environment says no. See no-color.org. */
export function paint({ isTerminal, env }: Io, colour: Colour, text: string): string {
  if (!isTerminal || env['NO_COLOR'] || styleText === undefined) return text; // Node has it from 20.12 on
  return styleText(colour, text, { validateStream: false });
}

/** Columns, each as wide as it must be. Text from outside cannot steer the terminal. */
export function table(rows: readonly (readonly string[])[]): string {
  const clean = rows.map((row) => row.map(printable));
  const widths = clean[0]?.map((_, column) => Math.max(...clean.map((row) => row[column]?.length ?? 0))) ?? [];
  return clean
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?');
}

export function json(value: unknown): string {
  return JSON.stringify(value, null, 2);
}
