import type { CakemailApiError } from '../../../src/api/index.js';
import { all, client, reasonOf, startFake, stopFake, URL_HERE } from '../../helpers/api-client.js';
import type { Answering, FakeCakemail } from '../../helpers/fake-cakemail.js';

let fake: FakeCakemail;
beforeEach(async () => {
  fake = await startFake();
});
afterEach(stopFake);

const webhook = (id: string, more: object = {}) => ({
  id,
  event: 'Email.Sent',
  url: URL_HERE,
  status: 'active',
  ...more,
});
/** As many answers as anybody may ask for: each has the page that `make` gives. */
function pages(make: (page: number) => { pagination: object; data: unknown[] }): void {
  const answer: Answering = ({ query }) => ({ status: 200, answer: make(Number(query.get('page'))) });
  fake.fail(/GET/, ...Array.from({ length: 50 }, () => answer));
}
const list = () => all(client().webhooks.list());
const many = (count: number, from = 0) => Array.from({ length: count }, (_, index) => webhook(`w${from + index}`));

describe('a listing ends', () => {
  test.each([
    ['the same full page every time', (page: number) => ({ pagination: { page, per_page: 50 }, data: many(50) })],
    ['the same page every time, without its size', () => ({ pagination: {}, data: many(20) })],
  ])('with an error for %s', async (_name, make) => {
    pages(make);
    const error = (await reasonOf(list())) as CakemailApiError;
    expect([error.code, error.message]).toEqual([
      'ERR_API_RESPONSE',
      'GET /webhooks: answered page 2 for page 2, with nothing new in it',
    ]);
    expect(fake.calls).toHaveLength(4);
  });

  test('at an empty page, whatever its size is said to be', async () => {
    pages(() => ({ pagination: { per_page: 0 }, data: [] }));
    expect(await list()).toEqual([]);
    expect(fake.calls).toHaveLength(1);
  });

  test('not before the last page where pages are smaller than was asked for', async () => {
    pages((page) => ({ pagination: { page }, data: many(45).slice((page - 1) * 20, page * 20) }));
    expect(await list()).toHaveLength(45);
    expect(fake.calls).toHaveLength(4);
  });

  test('with the page that is shorter than the API says', async () => {
    pages((page) => ({ pagination: { page, per_page: 20 }, data: many(45).slice((page - 1) * 20, page * 20) }));
    expect(await list()).toHaveLength(45);
    expect(fake.calls).toHaveLength(3);
  });

  test('also when the last page has only what was on the one before', async () => {
    pages((page) => ({ pagination: { page, per_page: 20 }, data: page === 1 ? many(20) : many(1, 19) }));
    expect(await list()).toHaveLength(20);
  });
});

test.each([
  [{ rate_limit: null }, { status: 'active', rateLimit: null }],
  [{ status: 'paused' }, { status: 'paused' }],
  [{ status: 7 }, { status: '7' }],
  [{ status: {} }, { status: 'unknown' }],
  [{ status: null }, { status: 'active' }],
  [{ rate_limit: 5, rate_limit_period: 'hour' }, { rateLimit: null }],
  [{ rate_limit: 5 }, { rateLimit: { limit: 5, period: 'second' } }],
  [{ archived_at: 1e300 }, { archivedAt: null }],
])('a webhook with %j does not hide the others', async (more, read) => {
  pages(() => ({ pagination: { per_page: 50 }, data: [webhook('a'), webhook('b', more)] }));
  const [a, b] = await list();
  expect([a?.id, b]).toEqual(['a', expect.objectContaining(read)]);
});
