import {
  closestListed,
  EVENT_GROUPS,
  EVENT_NAMES,
  isCatalogueName,
  isListed,
  patternOf,
} from '../../src/events/catalogue.js';

/** Copied by hand from the schema `EventType` of Cakemail's OpenAPI document 1.18.25. */
const PUBLISHED = `
  Account.Created Account.Updated Account.Confirmed Account.Deleted
  Contact.Added Contact.Updated Contact.Removed Contact.Tagged Contact.Untagged
  ContactsExport.Created ContactsExport.Deleted
  Campaign.Canceled Campaign.Created Campaign.Unscheduled Campaign.Updated Campaign.Resumed Campaign.Scheduled
  Campaign.Suspended
  CampaignLogExport.Created
  Email.Sent Email.Opened Email.Clicked Email.Bounced Email.ReportedAsSpam Email.Unsubscribed
  Email.GlobalUnsubscribed Email.Submitted Email.Queued Email.Rejected Email.Processing Email.Delivered Email.Error
  User.Created User.Deleted User.LoggedIn User.Updated User.Confirmed
  List.Created List.Updated List.Deleted
  ListLogsExport.Created
  MFA.RecoveryCodesViewed MFA.ChallengeIssued MFA.ChallengeCompleted MFA.MethodAdded MFA.MethodActivated
  MFA.MethodDeleted
  Segment.Created Segment.Updated Segment.Deleted
  Sender.Created Sender.Updated Sender.Deleted Sender.Confirmed Sender.ConfirmationEmailSent
  SuppressedEmail.Added SuppressedEmail.Removed
  SuppressedEmailsExport.Created SuppressedEmailsExport.Deleted
`
  .trim()
  .split(/\s+/);

test('the catalogue holds the 59 published names, and no other', () => {
  expect(PUBLISHED).toHaveLength(59);
  expect([...EVENT_NAMES].sort()).toEqual([...PUBLISHED].sort());
});

test('no name is there twice', () => {
  expect(new Set(EVENT_NAMES).size).toBe(EVENT_NAMES.length);
});

test.each(PUBLISHED)('%s is known', (name) => {
  expect(isCatalogueName(name)).toBe(true);
});

test.each([
  'Contact.Unsubscribed',
  'Campaign.Sent',
  'email.opened',
  'Email.*',
  'Email',
  '',
  '__proto__',
  'constructor',
  'toString',
])('%j is not known', (name) => {
  expect(isCatalogueName(name)).toBe(false);
});

test('a name or a pattern of the catalogue is listed', () => {
  expect(isListed('Email.Sent')).toBe(true);
  for (const group of Object.keys(EVENT_GROUPS)) expect(isListed(`${group}.*`)).toBe(true);
});

test.each(['Campaign.Sent', 'Mail.*', '*', 'Email', '*.Sent'])('%j is not listed', (name) => {
  expect(isListed(name)).toBe(false);
});

test.each([
  ['Email.Sent', 'Email.*'],
  ['Email.Sent.Again', 'Email.*'],
  ['E.', 'E.*'],
])('the pattern of %j is %j', (name, pattern) => {
  expect(patternOf(name)).toBe(pattern);
});

test.each(['Email', '', '.Sent', '.'])('%j has no pattern', (name) => {
  expect(patternOf(name)).toBeUndefined();
});

test.each([
  ['email.opened', 'Email.Opened'],
  ['User.LogedIn', 'User.LoggedIn'],
  ['User.LoggedOn', 'User.LoggedIn'],
  ['Emails.*', 'Email.*'],
  ['Sender.Confirm', 'Sender.Confirmed'],
  ['MFA.ChalengeIssued', 'MFA.ChallengeIssued'],
])('%j was probably meant to be %j', (written, meant) => {
  expect(closestListed(written)).toBe(meant);
});

test.each(['', 'order.paid', 'push', 'x'.repeat(10_000)])(
  '%.20j was meant to be nothing of the catalogue',
  (written) => {
    expect(closestListed(written)).toBeUndefined();
  },
);
