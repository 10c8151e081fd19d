// What is typed into the console: words become a call, and half a word becomes what it may become. Pure: texts and the
// catalogue in, calls and suggestions out.

/**
 * @typedef {{name: string, type: string, description: string, isRequired: boolean, choices?: readonly string[]}} Field
 */
/**
 * @typedef {{name: string, aliases: readonly string[], prefix: string, title: string, description: string,
 *   permission: string, positionals: readonly string[], fields: readonly Field[], examples: readonly string[]}} Tool
 */
/** @typedef {{value: string, explains: string}} Suggestion */
/** @typedef {{processes: readonly Suggestion[], bots: readonly Suggestion[], versions: readonly Suggestion[]}} Names */

/**
 * Takes a line apart as a shell does, with quotes and backslashes.
 * @param {string} line
 * @returns {{words: string[], isOpen: boolean}} `isOpen`: the last word has not ended
 */
export function wordsOf(line) {
  /** @type {string[]} */
  const words = [];
  let [word, quote] = /** @type {[string | undefined, string]} */ ([undefined, '']);
  for (let index = 0; index < line.length; index++) {
    const letter = line[index] ?? '';
    if (quote === '' && /\s/.test(letter)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (quote === '' && (letter === '"' || letter === "'")) {
      quote = letter;
      word ??= '';
    } else if (letter === quote) quote = '';
    else if (letter === '\\' && quote !== "'" && /["'\\\s]/.test(line[index + 1] ?? '')) {
      index += 1;
      word = (word ?? '') + (line[index] ?? '');
    } else word = (word ?? '') + letter;
  }
  const isOpen = word !== undefined || quote !== '';
  if (isOpen) words.push(word ?? '');
  return { words, isOpen };
}

/**
 * A word as it has to be typed.
 * @param {string} word
 */
export function quoted(word) {
  return /^[^\s"'\\]+$/.test(word) ? word : `"${word.replace(/["\\]/g, '\\$&')}"`;
}

/** `dryRun` as an option. @param {string} name */
function flagOf(name) {
  return `--${name.replaceAll('_', '-').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** True for what is a command and no message to the agent. @param {string} line */
export function isCommand(line) {
  return line.trimStart().startsWith('/');
}

/**
 * Understands `/process VERB …`.
 * @param {string} line
 * @param {readonly Tool[]} tools
 * @returns {{tool: Tool, input: Record<string, unknown>} | {problem: string}}
 */
export function understand(line, tools) {
  const { words } = wordsOf(line);
  const found = findTool(words, tools);
  if ('problem' in found) return found;
  const { tool, rest } = found;
  /** @type {Record<string, unknown>} */
  const input = {};
  const places = [...tool.positionals];
  let onlyWords = false;
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index] ?? '';
    if (word === '--' && !onlyWords) onlyWords = true;
    else if (!onlyWords && word.startsWith('--')) {
      const [flag = '', ...given] = word.split('=');
      const field = tool.fields.find(({ name }) => flagOf(name) === flag);
      if (!field) return { problem: `'${tool.name}' has no option ${flag}. ${optionsOf(tool)}` };
      if (field.type === 'boolean' && given.length === 0) input[field.name] = true;
      else {
        const text = given.length > 0 ? given.join('=') : rest[++index];
        if (text === undefined) return { problem: `${flag} needs a value behind it.` };
        input[field.name] = convert(field, text);
      }
    } else {
      const place = places.shift();
      const field = tool.fields.find(({ name }) => name === place);
      if (!field)
        return {
          problem: `'${word}' is one word too many for '${tool.name}'. Put what belongs together in quotes.`,
        };
      input[field.name] = convert(field, word);
    }
  }
  const missing = tool.fields.find(({ name, isRequired }) => isRequired && input[name] === undefined);
  if (missing) return { problem: `'${tool.name}' needs ${missing.name}: ${missing.description}.` };
  return { tool, input };
}

/**
 * What the word at the end may become; `start` is where that word begins.
 * @param {string} line
 * @param {readonly Tool[]} tools
 * @param {Names} names
 * @returns {{start: number, suggestions: Suggestion[]}}
 */
export function complete(line, tools, names) {
  const { words, isOpen } = wordsOf(line);
  const typed = isOpen ? (words.pop() ?? '') : '';
  const start = isOpen ? startOfLast(line) : line.length;
  const fits = (/** @type {readonly Suggestion[]} */ all) => {
    const low = typed.toLowerCase();
    const first = all.filter(({ value }) => value.toLowerCase().startsWith(low));
    const others = all.filter(
      ({ value }) => !first.some((each) => each.value === value) && value.toLowerCase().includes(low),
    );
    return { start, suggestions: [...first, ...others].slice(0, 12) };
  };
  if (words.length === 0) {
    const prefixes = [...new Set(tools.map(({ prefix }) => `/${prefix}`))];
    return line.startsWith('/')
      ? fits(prefixes.map((value) => ({ value, explains: 'commands' })))
      : { start, suggestions: [] };
  }
  if (words.length === 1) {
    const own = tools.filter(({ prefix }) => words[0] === `/${prefix}`);
    return fits(own.map(({ name, title }) => ({ value: name, explains: title })));
  }
  const found = findTool(words, tools);
  if ('problem' in found) return { start, suggestions: [] };
  const { tool, rest } = found;
  const behind = tool.fields.find(({ name, type }) => type !== 'boolean' && flagOf(name) === rest.at(-1));
  if (behind) return fits(valuesOf(behind, tool, names));
  const used = new Set(rest);
  const options = tool.fields
    .filter(({ name }) => !tool.positionals.includes(name) && !used.has(flagOf(name)))
    .map(({ name, description }) => ({ value: flagOf(name), explains: description }));
  if (typed.startsWith('-')) return fits(options);
  const place = tool.positionals[countPlaces(rest, tool)];
  const field = tool.fields.find(({ name }) => name === place);
  const values = field ? valuesOf(field, tool, names) : [];
  return fits(typed === '' ? [...values, ...options] : values);
}

/**
 * @param {readonly string[]} words
 * @param {readonly Tool[]} tools
 * @returns {{tool: Tool, rest: string[]} | {problem: string}}
 */
function findTool(words, tools) {
  const [first = '', verb] = words;
  const own = tools.filter(({ prefix }) => first === `/${prefix}`);
  // `/list` is understood as well as `/process list`.
  const short = tools.find(({ name }) => first === `/${name}`);
  if (own.length === 0 && short) return { tool: short, rest: words.slice(1) };
  const prefixes = [...new Set(tools.map(({ prefix }) => `/${prefix}`))].join(', ');
  if (own.length === 0) return { problem: `'${first}' is no command. Commands begin with ${prefixes}.` };
  const verbs = own.map(({ name }) => name).join(', ');
  if (verb === undefined) return { problem: `Say what to do: ${first} VERB. The verbs are: ${verbs}.` };
  const name = verb.replaceAll('-', '_');
  const tool = own.find((each) => each.name === name || each.aliases.includes(name));
  if (!tool) return { problem: `'${verb}' is no verb of ${first}. The verbs are: ${verbs}.` };
  return { tool, rest: words.slice(2) };
}

/** @param {Field} field @param {string} text */
function convert({ type }, text) {
  // What does not fit is left for the tool's schema to refuse.
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text;
  if (type !== 'number' && type !== 'integer') return text;
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text;
}

/** @param {Field} field @param {Tool} tool @param {Names} names */
function valuesOf({ name, choices }, tool, names) {
  if (choices) return choices.map((value) => ({ value, explains: name }));
  if (name === 'process') return [...names.bots, ...names.processes];
  if (name === 'bot') return names.bots;
  return name === 'version' && tool.name !== 'promote' ? names.versions : [];
}

/** How many of the words stand in places. @param {readonly string[]} rest @param {Tool} tool */
function countPlaces(rest, tool) {
  let count = 0;
  for (let index = 0; index < rest.length; index++) {
    const word = rest[index] ?? '';
    const field = tool.fields.find(({ name }) => flagOf(name) === word);
    if (field && field.type !== 'boolean') index += 1;
    else if (!word.startsWith('--')) count += 1;
  }
  return count;
}

/** @param {string} line */
function startOfLast(line) {
  for (let start = line.length - 1; start >= 0; start--) {
    const { words, isOpen } = wordsOf(line.slice(start));
    const isBoundary = start === 0 || /\s/.test(line[start - 1] ?? '');
    const before = wordsOf(line.slice(0, start));
    if (isBoundary && isOpen && words.length === 1 && !before.isOpen) return start;
    if (isBoundary && words.length > 1) break;
  }
  return line.length;
}

/** @param {Tool} tool */
function optionsOf(tool) {
  const options = tool.fields
    .filter(({ name }) => !tool.positionals.includes(name))
    .map(({ name }) => flagOf(name));
  return options.length === 0 ? 'It has none.' : `Its options are: ${options.join(', ')}.`;
}
