import { closestListed, isListed } from '../events/catalogue.js';
import { invalid } from '../shared/option-checks.js';
import type { Log } from './logger.js';

/** Refuses a pattern where only names are allowed, because it would cover nothing there, and warns of an unpublished name. */
export function checkEventName(name: string, where: string, shown: string, log: Log): void {
  if (name.endsWith('.*')) throw invalid(`${where}: ${shown} is a pattern. List the names of its events.`);
  warnOfUnlisted(name, where, shown, log);
}

/** Warns of a name that is not in the catalogue. Cakemail may have added it since, so it is still used. */
export function warnOfUnlisted(name: string, where: string, shown: string, log: Log): void {
  if (isListed(name)) return;
  const meant = closestListed(name);
  const hint = name === '*' ? ' For every event use onAny().' : meant === undefined ? '' : ` Did you mean '${meant}'?`;
  log.warnDeveloper('WARN_EVENT_NAME', `${where}: Cakemail publishes no event ${shown}.${hint}`);
}
