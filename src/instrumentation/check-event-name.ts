import { closestListed, isListed } from '../events/catalogue.js';
import { invalid } from '../shared/option-checks.js';
import type { Log } from './logger.js';

/** For what takes names only: a pattern there would silently cover nothing. */
export function checkEventName(name: string, where: string, shown: string, log: Log): void {
  if (name.endsWith('.*')) throw invalid(`${where}: ${shown} is a pattern. List the names of its events.`);
  warnOfUnlisted(name, where, shown, log);
}

/** Warns when a name is not in the catalogue. It may be new, so it is used all the same. */
export function warnOfUnlisted(name: string, where: string, shown: string, log: Log): void {
  if (isListed(name)) return;
  const meant = closestListed(name);
  const hint = name === '*' ? ' For every event use onAny().' : meant === undefined ? '' : ` Did you mean '${meant}'?`;
  log.warnDeveloper('WARN_EVENT_NAME', `${where}: Cakemail publishes no event ${shown}.${hint}`);
}
