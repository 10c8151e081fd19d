// Masks secrets in whatever leaves the machine. Known values go in every form that programs print them in; tokens are
// also recognised by their shape. Every pattern takes linear time, because the text comes from programs and strangers.

/** Builds the function that replaces the given values, and whatever looks like a secret, with `[masked]`. */
export function createMask(secrets: readonly string[]): (text: string) => string {
  const known = knownValues(secrets);
  return (text) => {
    let masked = text;
    if (known !== undefined) masked = masked.replace(known, mark);
    for (const shape of shapes) masked = masked.replace(shape, keepGroup);
    return maskEndsOfKeys(masked);
  };
}

const mark = '[masked]';
/** Shorter values are words such as `true`, and masking them would make the text unreadable. */
const shortestSecret = 6;
/** A line of a secret that goes over several of them is one by itself: a tail may show any of them without the others. */
const shortestLine = 16;

/** What a pattern captured says where the secret stood, and stays. */
function keepGroup(_whole: string, group: unknown): string {
  return typeof group === 'string' ? group + mark : mark;
}

/** One pattern for all values, the longest first, so that a value that contains another goes as a whole. */
function knownValues(secrets: readonly string[]): RegExp | undefined {
  const whole = secrets.filter((secret) => secret.length >= shortestSecret);
  const values = new Set([...whole, ...whole.flatMap(linesOf)].flatMap(formsOf));
  const longestFirst = [...values].sort((one, other) => other.length - one.length);
  if (longestFirst.length === 0) return undefined;
  return new RegExp(
    longestFirst.map((value) => value.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|'),
    'g',
  );
}

/** Not the borders of a key: by them every other key is known. */
function linesOf(secret: string): string[] {
  const lines = secret.split(/\r?\n/);
  return lines.length < 2
    ? []
    : lines.filter((line) => line.length >= shortestLine && !line.startsWith('-----'));
}

/** A value as it stands, in a URL, in JSON and in base64. */
function formsOf(secret: string): string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const ascii = json.replace(
    /[\u0080-\uffff]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const forms = [
    secret,
    ...urlForms(secret),
    json,
    json.replaceAll('/', '\\/'),
    ascii,
    ...base64Forms(secret),
  ];
  return forms.filter((form) => form.length >= shortestSecret);
}

/** As encodeURIComponent, a form and a program with small hexadecimal digits write it. */
function urlForms(secret: string): string[] {
  const form = new URLSearchParams([['', secret]]).toString().slice(1);
  // Half of a surrogate pair cannot be encoded and becomes another character on the way through bytes.
  const component = Buffer.from(secret).toString() === secret ? encodeURIComponent(secret) : form;
  const encoded = [component, form, form.replaceAll('+', '%20')];
  return [...encoded, ...encoded.map((text) => text.replace(/%../g, (code) => code.toLowerCase()))];
}

/** Base64 of the value alone, and what stays of it wherever it stands inside longer base64 (`user:password`). */
function base64Forms(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const whole = [bytes.toString('base64'), bytes.toString('base64url')];
  const within = [0, 1, 2].flatMap((shift) => {
    const encoded = Buffer.concat([Buffer.alloc(shift), bytes]);
    // The first and last characters depend on the neighbours, so only those between are certain.
    const first = shift === 0 ? 0 : shift + 1;
    const last = Math.floor((encoded.length * 8) / 6);
    return [encoded.toString('base64'), encoded.toString('base64url')].map((text) => text.slice(first, last));
  });
  return [...whole, ...within];
}

const endOfKey = /-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----/;
const lineOfKey = /^[A-Za-z0-9+/=]{1,80}\r?$/;

/** A private key whose first lines a tail has left out: its end, and whatever before it looks like a line of it. */
function maskEndsOfKeys(text: string): string {
  if (!endOfKey.test(text)) return text;
  const kept: string[] = [];
  let isInKey = false;
  for (const line of text.split('\n').reverse()) {
    const isEnd = endOfKey.test(line);
    isInKey = isEnd || (isInKey && lineOfKey.test(line));
    if (!isInKey) kept.push(line);
    else if (isEnd) kept.push(line.replace(endOfKey, mark));
  }
  return kept.reverse().join('\n');
}

/**
 * Secrets by their shape; a group that is captured stays. Each pattern starts with fixed text that its body cannot
 * hold, or reads a bounded stretch from there, so that no text is read again from each of its characters. `\\[nrt]` is
 * a line's end as JSON writes it, after which a token begins although a letter stands before it.
 */
const shapes: readonly RegExp[] = [
  // A private key over several lines, also with its newlines escaped; then one that the end of a log cuts off.
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----)){0,16000}-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g,
  /-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s\\]{0,16000}/g,
  // A Discord bot token: its id in base64, a time stamp, a signature.
  /[MNO](?=[A-Za-z]{0,30}\d)[A-Za-z\d]{22,30}\.[\w-]{6}\.[\w-]{27,200}/g,
  /(?<=^|[^\w-]|\\[nrt])mfa\.[\w-]{40,200}/g,
  /gh[pousr]_[A-Za-z0-9]{20,}/g,
  /github_pat_\w{20,}/g,
  /(?<![A-Z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])/g,
  /((?:aws_?secret(?:_?access)?(?:_?key)?|secret_?access_?key)["']?[ \t]{0,20}[=:][ \t]{0,20}["']?)[A-Za-z0-9/+=]{20,}/gi,
  // Class names such as sk-toggleable-content have neither capitals nor digits.
  /(?<=^|[^A-Za-z0-9]|\\[nrt])sk-(?=ant-|[\w-]{0,200}[A-Z\d]|[a-z]{20})[\w-]{20,}/g,
  /(?<=^|[^\w-]|\\[nrt])eyJ[\w-]{8,}\.eyJ[\w-]{4,}(?:\.[\w-]{0,10000}){1,3}/g,
  /(discord(?:app)?\.com\/api\/(?:v\d{1,3}\/)?webhooks\/\d{5,25}\/)[\w-]{10,}/gi,
  // A password in a URL ends with the last @ before a blank; a port is none.
  /(:\/\/[^\s:/?#@"'<>[\]]{0,200}:)(?!\[masked\]@|\d{1,5}(?:[/?#]|$))[^\s"'<>]{1,300}(?=@)/g,
  // What opens the local page is printed at the start of the bot, into its log.
  /([?&]token=)[\w-]{20,}/g,
  /(authorization["']?[ \t]{0,20}[:=][ \t]{0,20}["']?(?:bearer|bot|basic|token)[ \t]{1,20})(?![$<{%[])[^\s"',;]{6,}/gi,
];
