// Puts times, sizes and states into words, and takes out of texts what could steer a screen.

const units = /** @type {const} */ ([
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
]);

/**
 * How long something lasts, in its two largest units.
 * @param {number} seconds
 */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const index = units.findIndex(([, length]) => whole >= length);
  const [first, second] = [units[index], units[index + 1]];
  if (!first) return '0 s';
  const rest = second ? Math.floor((whole % first[1]) / second[1]) : 0;
  return `${Math.floor(whole / first[1])} ${first[0]}${second && rest > 0 ? ` ${rest} ${second[0]}` : ''}`;
}

/**
 * How long ago a moment was.
 * @param {string | null | undefined} moment
 * @param {number} [now]
 */
export function age(moment, now = Date.now()) {
  if (!moment) return 'never';
  const seconds = Math.max(0, Math.round((now - Date.parse(moment)) / 1_000));
  const [unit, length] = units.find(([, each]) => seconds >= each) ?? ['s', 1];
  return `${Math.floor(seconds / length)} ${unit} ago`;
}

/**
 * An amount of bytes.
 * @param {number | null | undefined} bytes
 */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return '–';
  const names = ['B', 'KB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(names.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${names[power]}`;
}

/**
 * A moment as this machine's owner writes it.
 * @param {string} moment
 */
export function when(moment) {
  return new Date(moment).toLocaleString();
}

const sequences =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is sought.
  /\u001b(?:\[[0-?]{0,40}[ -/]{0,10}[@-~]|\][^\u0007\u001b]{0,2000}(?:\u0007|\u001b\\)?|[@-Z\\^_])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken away.
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * A text without colours, without characters that move the cursor, and without those that turn the direction of what
 * follows; of lines that a program wrote over, the last state.
 * @param {string} text
 */
export function clean(text) {
  return text
    .replace(sequences, '')
    .replace(/\r+$/gm, '')
    .replace(/^.*\r(?!\n)/gm, '')
    .replace(controls, '\ufffd');
}

/**
 * A text that somebody says yes to: whatever hides, moves or turns other characters is spelled out.
 * @param {string} text
 */
export function exact(text) {
  return text.replace(
    /[^\P{C}\n]|[\u2028\u2029]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/**
 * How good a state is, for its colour; the word itself always stands beside it.
 * @param {string} state
 * @returns {'good' | 'busy' | 'bad' | 'quiet'}
 */
export function mood(state) {
  if (/^(running|ready|good|ok|live)$/.test(state)) return 'good';
  if (/^(failed|reverted|lost|crashed|damaged|refused|killed|inconsistent|backoff|late)/.test(state))
    return 'bad';
  if (/^(starting|stopping|restarting|staged|switching|trial|reverting|updating|started|waiting)/.test(state))
    return 'busy';
  return 'quiet';
}
