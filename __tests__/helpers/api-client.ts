import { CakemailApi, type CakemailApiOptions, cakemailKeys } from '../../src/api/index.js';
import { createWebhookRouter } from '../../src/index.js';
import { sampleEvent, signedRequest } from '../../src/testing/index.js';
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

export const LOGIN = sampleEvent('User.LoggedIn');
/** A signed delivery, which differs from those with other account ids. */
export const signed = (secret: string, account_id = 1) => signedRequest({ ...LOGIN, account_id }, { secret });

/** A router that verifies with the keys of the fake API. */
export function receiver(options: Partial<Parameters<typeof cakemailKeys>[0]> = {}) {
  const keys = cakemailKeys({ api: client({ attempts: 1 }), url: URL_HERE, ...options });
  const webhooks = createWebhookRouter({ secrets: keys, logger: {} });
  return { keys, webhooks, receive: (...args: Parameters<typeof signed>) => webhooks.receive(signed(...args)) };
}
