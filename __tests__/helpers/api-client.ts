import { CakemailApi, type CakemailApiOptions } from '../../src/api/index.js';
import { FakeCakemail, TOKEN } from './fake-cakemail.js';

export const URL_HERE = 'https://app.example.com/webhooks/cakemail';

let fake: FakeCakemail;

/** For `beforeEach`. Starts the fake API. */
export async function startFake(): Promise<FakeCakemail> {
  fake = new FakeCakemail();
  await fake.start();
  return fake;
}

/** For `afterEach`. Fails when a request or an answer contradicted the vendor's document. */
export async function stopFake(): Promise<void> {
  await fake.stop();
  expect(fake.violations).toEqual([]);
}

/** A client of the fake API with short waits. */
export function client(options: Partial<CakemailApiOptions> = {}): CakemailApi {
  const credentials = options.username === undefined ? { token: TOKEN } : {};
  return new CakemailApi({ ...credentials, baseUrl: fake.baseUrl, backoffMs: 1, ...options });
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** The reason of a promise that must reject. */
export async function reasonOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => {
      throw new Error('It did not reject.');
    },
    (thrown) => thrown,
  );
}
