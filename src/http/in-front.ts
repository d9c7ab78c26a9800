import { invalid, rejectUnknownKeys } from '../shared/option-checks.js';
import type { InFrontOptions, NodeListener } from '../types.js';

/** A listener that passes requests for the path to `router`, and all others to `app`. */
export function inFrontOf(app: NodeListener, options: InFrontOptions, router: NodeListener): NodeListener {
  if (typeof app !== 'function') throw invalid('inFrontOf() needs your app: a function (req, res), as Express makes.');
  const path = checkPath(options);
  return (req, res) => (req.url === path || isAt(path, req.url) ? router(req, res) : app(req, res));
}

function checkPath(options: InFrontOptions): string {
  rejectUnknownKeys('inFrontOf() options', options, ['path']);
  const { path } = options;
  // Patterns are refused because the path is compared as text, so a pattern would never match.
  const isPlain = typeof path === 'string' && /^(?!.*\/:)\/[^\s?#*(){}]*$/.test(path);
  if (!isPlain) throw invalid("`path` must be a plain path such as '/webhooks/cakemail', without patterns or a query.");
  return normalize(path);
}

function isAt(path: string, url = ''): boolean {
  return normalize(pathOf(url)) === path;
}

function normalize(path: string): string {
  return (path.endsWith('/') ? path.slice(0, -1) : path).toLowerCase();
}

/** The scheme and the host of a target in absolute form (RFC 9112), which a proxy may send. */
const ORIGIN = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i;

function pathOf(url: string): string {
  const target = url.startsWith('/') ? url : url.replace(ORIGIN, '');
  const end = target.search(/[?#]/);
  return end < 0 ? target : target.slice(0, end);
}
