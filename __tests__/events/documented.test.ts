import { EVENT_NAMES } from '../../src/events/catalogue.js';
import { findDrift } from '../../src/events/documented.js';
import type { EventName } from '../../src/events/event-types.js';
import { sampleEvent } from '../../src/testing/index.js';

/** The published sample of an event, with these members in place of its own. */
const sent = (name: EventName, members: object) => ({ ...sampleEvent(name), ...members });
const paths = (event: { readonly event: string }): string[] => findDrift(event).map(({ path }) => path);

test("the vendor's own sample does not deviate", () => {
  expect(findDrift(sampleEvent('User.LoggedIn'))).toEqual([]);
});

test.each(EVENT_NAMES)('a sample of %s does not deviate', (name) => {
  expect(findDrift(sampleEvent(name))).toEqual([]);
});

test("the envelope of the vendor's newer documents does not deviate", () => {
  const event = { event: 'Email.Opened', timestamp: '2026-01-02T03:04:05Z', data: { email_id: 'a' }, event_id: 'b' };
  expect(findDrift(event)).toEqual([]);
});

test('an unpublished member does not count as drift', () => {
  expect(findDrift(sent('User.LoggedIn', { something: 'new' }))).toEqual([]);
});

test.each([
  undefined,
  {},
  { id: null, email: null, account_id: null },
  { id: 1, email: 'a@example.com', account_id: 2 },
])('user may be %j', (user) => {
  expect(findDrift(sent('Email.Sent', { user }))).toEqual([]);
});

test.each([
  ['account_id', '1234567'],
  ['account_id', 1.5],
  ['ip', 7],
  ['user', 'somebody'],
  ['user', null],
  ['created_on', '1627069315'],
  ['timestamp', 1627069315],
  ['data', 'text'],
  ['data', null],
  ['data', undefined],
])('%s deviates when it is %j', (member, value) => {
  expect(paths(sent('Email.Sent', { [member]: value }))).toEqual([member]);
  expect(paths(sent('User.LoggedIn', { [member]: value }))).toEqual([member]);
});

test('every member of the published data is checked', () => {
  const event = sampleEvent('User.LoggedIn', { data: { email: null, scopes: 7 } as never });
  expect(paths(event)).toEqual(['data.email', 'data.grant_type', 'data.scopes']);
});

test('data that is not published may hold anything', () => {
  expect(findDrift(sent('Email.Sent', { data: { email: 7 } }))).toEqual([]);
});

test('a notice carries a message, and never the value', () => {
  const [issue] = findDrift(sent('Email.Sent', { ip: { secret: 'do-not-log' } }));
  expect(issue?.message).toMatch(/string/);
  expect(JSON.stringify(issue)).not.toContain('do-not-log');
});

test('the event itself is left as it is', () => {
  const event = Object.freeze({ ...sampleEvent('User.LoggedIn'), more: Object.freeze({ a: 1 }), ip: 7 });
  const before = JSON.stringify(event);
  findDrift(event);
  expect(JSON.stringify(event)).toBe(before);
});
