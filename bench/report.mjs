import { median, printTable } from './table.mjs';

const BASE = 'snippet';

/** Computes medians over the rounds. Ratios compare with the snippet in the same round; above 1 is better. */
export function summarise({ name, size, forged, connections }, rounds, names) {
  const rows = names.map((contender) => {
    const own = rounds.map((round) => round[contender]);
    const ratio = (of) => median(rounds.map((round) => of(round[contender], round[BASE] ?? round[names[0]])));
    return {
      contender,
      rate: median(own.map(({ rate }) => rate)),
      spread: Math.max(...own.map(({ rate }) => rate)) / Math.min(...own.map(({ rate }) => rate)) - 1,
      p50: median(own.map(({ p50 }) => p50)),
      p99: median(own.map(({ p99 }) => p99)),
      cpu: median(own.map(({ cpu }) => cpu)),
      rateRatio: ratio((mine, base) => mine.rate / base.rate),
      cpuRatio: ratio((mine, base) => base.cpu / mine.cpu),
    };
  });
  return { name, size, forged, connections, rounds: rounds.length, rows };
}

export function printCase({ size, forged, connections, rounds, rows }) {
  console.log(`\n${size} B, ${forged ? 'forged' : 'valid'}, ${connections} connections, median of ${rounds} rounds`);
  printTable(
    ['contender', 'req/s', 'spread', 'p50 ms', 'p99 ms', 'CPU µs/req', '× req/s', '× CPU'],
    rows.map((row) => [
      row.contender,
      Math.round(row.rate),
      `${Math.round(row.spread * 100)} %`,
      row.p50.toFixed(2),
      row.p99.toFixed(2),
      row.cpu.toFixed(1),
      row.rateRatio.toFixed(2),
      row.cpuRatio.toFixed(2),
    ]),
  );
}

/** Prints one line per case with the throughput relative to the snippet, and in brackets the CPU savings factor. */
export function printOverview(report) {
  const names = report[0].rows.map(({ contender }) => contender).filter((name) => name !== BASE);
  console.log(`\n| × ${BASE}: req/s (CPU) | ${names.join(' | ')} |\n|---|${names.map(() => '---|').join('')}`);
  for (const { size, forged, connections, rows } of report) {
    const cells = names.map((name) => {
      const { rateRatio, cpuRatio } = rows.find(({ contender }) => contender === name);
      return `${rateRatio.toFixed(2)} (${cpuRatio.toFixed(2)})`;
    });
    console.log(`| ${size} B ${forged ? 'forged' : 'valid'}, ${connections} connections | ${cells.join(' | ')} |`);
  }
}
