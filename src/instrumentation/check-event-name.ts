import { closestListed, isListed } from '../events/catalogue.js';
import { invalid } from '../shared/option-checks.js';
import type { Log } from './logger.js';

/** Throws for a pattern where only names count, because it would have no effect, and warns about an unpublished name. */
export function checkEventName(name: string, where: string, shown: string, log: Log): void {
  if (name.endsWith('.*')) throw invalid(`${where}: ${shown} is a pattern. List the names of its events.`);
  warnIfUnlisted(name, where, shown, log);
}

/** Warns about a name that is not in the catalogue. It is still used, because Cakemail may have added it since. */
export function warnIfUnlisted(name: string, where: string, shown: string, log: Log): void {
  if (isListed(name)) return;
  const meant = closestListed(name);
  const hint = name === '*' ? ' For every event use onAny().' : meant === undefined ? '' : ` Did you mean '${meant}'?`;
  log.warnDeveloper('WARN_EVENT_NAME', `${where}: Cakemail publishes no event ${shown}.${hint}`);
}
