import { run } from '../../src/cli/program.js';

export interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly env?: object;
  /** True when standard output is a terminal. */
  readonly isTerminal?: boolean;
  readonly isErrTerminal?: boolean;
  readonly columns?: number;
  readonly input?: string;
  /** The answer to a question of the command. Without it standard input is not a terminal. */
  readonly answer?: string;
}

/** Runs a command line in this process. */
export async function runCli(
  args: readonly string[],
  { env = {}, isTerminal = false, isErrTerminal = isTerminal, columns, input = '', answer }: RunOptions = {},
): Promise<Run> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await run(args, {
    env: { ...env },
    input: async () => Buffer.from(input),
    ...(answer !== undefined && { readLine: async () => answer }),
    out: { write: (line) => out.push(line), isTerminal, columns },
    err: { write: (line) => err.push(line), isTerminal: isErrTerminal },
    signal: new AbortController().signal,
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}
