import fc from 'fast-check';

// A fixed seed makes every run the same. To search further: SEED=$RANDOM RUNS=5000 npx jest.
const { SEED = '20261124', RUNS = '100' } = process.env;
fc.configureGlobal({ seed: Number(SEED), numRuns: Number(RUNS) });

export default fc;
