// What of a text that is still being written can be shown: not the last word, which may be the first half of a secret,
// and not the beginning of a known secret that has blanks in it. Half of a secret is no secret to the mask.

/** The text without an end that may become a secret. */
export function finishedPart(text: string, secrets: readonly string[]): string {
  let end = text.length;
  // Secrets are made of these; scripts without blanks between words are not held back.
  while (end > 0 && isGraphic(text.charCodeAt(end - 1))) end--;
  const forms = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)]);
  // Where it is cut, it ends: that may leave the beginning of a secret which the whole text has in full.
  for (let before = -1; before !== end; ) {
    before = end;
    for (const form of forms) end -= begunWithin(text.slice(0, end), form);
  }
  return text.slice(0, end);
}

function isGraphic(code: number): boolean {
  return code > 0x20 && code < 0x7f;
}

/** How many characters at the end of the text are the beginning of this, and not all of it. */
function begunWithin(text: string, secret: string): number {
  for (let length = Math.min(secret.length - 1, text.length); length > 0; length--) {
    if (text.endsWith(secret.slice(0, length))) return length;
  }
  return 0;
}
