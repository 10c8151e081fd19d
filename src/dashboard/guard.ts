// Who gets through to the page. In this order: the address that was asked for (against DNS rebinding), where the request
// comes from, the token or the cookie. Whoever is refused learns why in one sentence, and nothing else.

import type { Context, MiddlewareHandler } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import type { Clock } from '../../skills/tool.ts';
import { cookieName, cookieSeconds, isGoodCookie, isSame, signCookie } from './keys.ts';

/** Wrong tokens within a minute, after which none is looked at until the minute is over. */
const mostWrongTokens = 10;
const wrongTokenMs = 60_000;

const headers = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** What the guard knows. */
export interface GuardOptions {
  readonly token: string;
  readonly key: string;
  readonly clock: Clock;
  /** Known once the server listens. */
  port(): number;
}

/** The guard of every request. */
export function createGuard({ token, key, clock, port }: GuardOptions): MiddlewareHandler {
  const name = cookieName(key);
  const wrong = createLimit(clock);
  const letIn = (context: Context): Response | undefined => {
    const given = context.req.query('token');
    if (given === undefined || context.req.path !== '/' || context.req.method !== 'GET') return undefined;
    if (wrong.isReached()) {
      return refuse(context, 429, 'too_many_tokens', 'There were too many wrong tokens; wait a minute.');
    }
    if (!isSame(given, token)) {
      wrong.count();
      return refuse(context, 401, 'wrong_token', 'This token is not, or no longer, the right one.');
    }
    setCookie(context, name, signCookie(key, clock.now()), {
      ...{ httpOnly: true, sameSite: 'Strict', path: '/', maxAge: cookieSeconds },
    });
    // From here on the token stands neither in the address nor in the history of the browser.
    return context.redirect('/', 303);
  };
  return async (context, next) => {
    for (const [header, value] of Object.entries(headers)) context.header(header, value);
    const answer = foreign(context, port()) ?? letIn(context);
    if (answer) return answer;
    if (!isGoodCookie(key, getCookie(context, name) ?? '', clock.now())) {
      if (isFromElsewhere(context)) return context.html(again);
      return refuse(context, 401, 'not_let_in', 'This page is opened with the address that the bot prints.');
    }
    await next();
    return undefined;
  };
}

/** Whoever follows a link of another site brings no cookie, by `SameSite=Strict`, even if they just got it. */
function isFromElsewhere(context: Context): boolean {
  const site = context.req.header('sec-fetch-site');
  return context.req.path === '/' && (site === 'cross-site' || site === 'same-site');
}

/** Asks the browser to come again, from here. It says the same to everybody, and cannot go on for ever. */
const again =
  '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/"><title>Understudy</title></html>';

/** The refusal of a request that another page, or another name for this machine, may have made. */
function foreign(context: Context, port: number): Response | undefined {
  const { method } = context.req;
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  const host = context.req.header('host') ?? '';
  if (!hosts.includes(host)) {
    return refuse(
      context,
      403,
      'wrong_host',
      `The page answers as ${hosts.join(' and ')} only; a tunnel must have the same port at its beginning.`,
    );
  }
  const origin = context.req.header('origin');
  const site = context.req.header('sec-fetch-site');
  const changes = method !== 'GET' && method !== 'HEAD';
  const isOwnOrigin = origin === undefined ? !changes || site === 'same-origin' : origin === `http://${host}`;
  // A page of another port of this machine is "same-site", and would be sent the cookie; a link is a visit.
  const isOwnSite = site === undefined || site === 'same-origin' || site === 'none';
  const isVisit = !changes && context.req.path === '/' && context.req.header('sec-fetch-mode') === 'navigate';
  if (!isOwnOrigin || !(isOwnSite || isVisit)) {
    return refuse(context, 403, 'wrong_origin', 'Only the page itself may ask for this.');
  }
  if (changes && !/^application\/json(;|$)/i.test(context.req.header('content-type') ?? '')) {
    return refuse(context, 415, 'not_json', 'Requests are sent as application/json.');
  }
  return undefined;
}

const hint = 'Run `understudy dashboard` in the folder of the instance, and open the address that it prints.';

function refuse(context: Context, status: 401 | 403 | 415 | 429, code: string, message: string): Response {
  if (!context.req.path.startsWith('/api/')) {
    return context.html(
      `<!doctype html><html lang="en"><meta charset="utf-8"><title>Understudy</title><h1>Not open</h1><p>${message}</p><p>${hint}</p></html>`,
      status,
    );
  }
  return context.json({ error: { code, message, hint } }, status);
}

/** Counts within a minute. */
function createLimit(clock: Clock) {
  let count = 0;
  let since = 0;
  const turn = () => {
    if (clock.now() - since < wrongTokenMs) return;
    since = clock.now();
    count = 0;
  };
  return {
    isReached() {
      turn();
      return count >= mostWrongTokens;
    },
    count() {
      turn();
      count += 1;
    },
  };
}
