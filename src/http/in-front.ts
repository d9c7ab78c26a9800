import { invalid, rejectUnknownKeys } from '../shared/option-checks.js';
import type { InFrontOptions, NodeListener } from '../types.js';

/** Gives requests for the path to `serve` and all others to `app`. */
export function inFrontOf(app: NodeListener, options: InFrontOptions, serve: NodeListener): NodeListener {
  if (typeof app !== 'function') throw invalid('inFrontOf() needs your app: a function (req, res), as Express makes.');
  const path = checkPath(options);
  return (req, res) => (req.url === path || isAt(path, req.url) ? serve(req, res) : app(req, res));
}

function checkPath(options: InFrontOptions): string {
  rejectUnknownKeys('inFrontOf() options', options, ['path']);
  const { path } = options;
  // A pattern would never match: it is compared as it is.
  const plain = typeof path === 'string' && /^(?!.*\/:)\/[^\s?#*(){}]*$/.test(path);
  if (!plain) throw invalid("`path` must be a plain path such as '/webhooks/cakemail', without patterns or a query.");
  return comparable(path);
}

function isAt(path: string, url = ''): boolean {
  return comparable(pathOf(url)) === path;
}

function comparable(path: string): string {
  return (path.endsWith('/') ? path.slice(0, -1) : path).toLowerCase();
}

/** The scheme and the host of the absolute form (RFC 9112), in which a proxy may ask. */
const ORIGIN = /^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i;

function pathOf(url: string): string {
  const target = url.startsWith('/') ? url : url.replace(ORIGIN, '');
  const end = target.search(/[?#]/);
  return end < 0 ? target : target.slice(0, end);
}
