import { closestMatch } from '../shared/closest-match.js';

/**
 * The 59 event names that Cakemail publishes, by group.
 * Source: Cakemail's OpenAPI document 1.18.25, schema `EventType` (the same list as in its SDK 2.2.0).
 * The API is newer than this list, so events with other names arrive too and are delivered.
 */
export const EVENT_GROUPS = {
  Account: ['Created', 'Updated', 'Confirmed', 'Deleted'],
  Contact: ['Added', 'Updated', 'Removed', 'Tagged', 'Untagged'],
  ContactsExport: ['Created', 'Deleted'],
  Campaign: ['Canceled', 'Created', 'Unscheduled', 'Updated', 'Resumed', 'Scheduled', 'Suspended'],
  CampaignLogExport: ['Created'],
  Email: [
    'Sent',
    'Opened',
    'Clicked',
    'Bounced',
    'ReportedAsSpam',
    'Unsubscribed',
    'GlobalUnsubscribed',
    'Submitted',
    'Queued',
    'Rejected',
    'Processing',
    'Delivered',
    'Error',
  ],
  User: ['Created', 'Deleted', 'LoggedIn', 'Updated', 'Confirmed'],
  List: ['Created', 'Updated', 'Deleted'],
  ListLogsExport: ['Created'],
  MFA: [
    'RecoveryCodesViewed',
    'ChallengeIssued',
    'ChallengeCompleted',
    'MethodAdded',
    'MethodActivated',
    'MethodDeleted',
  ],
  Segment: ['Created', 'Updated', 'Deleted'],
  Sender: ['Created', 'Updated', 'Deleted', 'Confirmed', 'ConfirmationEmailSent'],
  SuppressedEmail: ['Added', 'Removed'],
  SuppressedEmailsExport: ['Created', 'Deleted'],
} as const;

type Groups = typeof EVENT_GROUPS;

/** An event name that Cakemail publishes, such as `'User.LoggedIn'`. */
export type CatalogueName = {
  [G in keyof Groups]: `${G}.${Groups[G][number]}`;
}[keyof Groups];

/** Every published name, in Cakemail's order. */
export const EVENT_NAMES: readonly CatalogueName[] = Object.entries(EVENT_GROUPS).flatMap(([group, names]) =>
  names.map((name) => `${group}.${name}` as CatalogueName),
);

const NAMES: ReadonlySet<string> = new Set(EVENT_NAMES);
const PATTERNS: readonly string[] = Object.keys(EVENT_GROUPS).map((group) => `${group}.*`);

export function isCatalogueName(name: string): name is CatalogueName {
  return NAMES.has(name);
}

/** Returns the pattern that covers a name, such as `'Email.*'` for `'Email.Sent'`, or undefined for a name without a group. */
export function patternOf(name: string): string | undefined {
  const dot = name.indexOf('.');
  return dot > 0 ? `${name.slice(0, dot)}.*` : undefined;
}

/** Returns true for a published name, and for the pattern of a published group. */
export function isListed(nameOrPattern: string): boolean {
  return NAMES.has(nameOrPattern) || PATTERNS.includes(nameOrPattern);
}

/** Returns the published name or pattern that a misspelt one probably means, or undefined when none is similar. */
export function closestListed(nameOrPattern: string): string | undefined {
  return closestMatch(nameOrPattern, nameOrPattern.endsWith('*') ? PATTERNS : EVENT_NAMES);
}
