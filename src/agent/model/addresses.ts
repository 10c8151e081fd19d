// Base URLs as people write them: with or without /v1, with a slash at the end, or the whole address of the endpoint.

/** The address below which the endpoint (`/messages`, `/chat/completions`) stands. */
export function baseUrlOf(written: string): string {
  const url = new URL(written);
  const path = url.pathname.replace(/\/+$/, '').replace(/\/(messages|chat\/completions)$/, '');
  // A version anywhere in the path was put there on purpose: https://example.com/v1beta/openai
  const hasVersion = path.split('/').some((segment) => /^v\d/.test(segment));
  url.pathname = hasVersion ? path : `${path}/v1`;
  url.search = '';
  url.hash = '';
  return url.toString().replace(/\/+$/, '');
}

/** An address that may be shown: without the name and password that it may hold. */
export function withoutCredentials(address: string): string {
  const url = new URL(address);
  url.username = '';
  url.password = '';
  return url.toString().replace(/\/+$/, '');
}
