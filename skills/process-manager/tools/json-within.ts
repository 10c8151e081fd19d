// Finds the list in what a model wrote: between fences, after a sentence, or alone, as an array, in an object around it,
// or as its one element.

/** Places at which a list may begin that are looked at. */
const mostPlaces = 200;

/** The list; undefined where there is none. Objects that stand alone are one together, and an empty list comes last. */
export function jsonWithin(text: string): unknown[] | undefined {
  const alone: unknown[] = [];
  let isEmpty = false;
  let looked = 0;
  for (let index = 0; index < text.length && looked < mostPlaces; index++) {
    if (text[index] !== '[' && text[index] !== '{') continue;
    looked++;
    const end = endOf(text, index);
    const value = end === undefined ? undefined : parse(text.slice(index, end));
    const list = listIn(value);
    if (list?.some(isObject)) return list;
    if (list?.length === 0) isEmpty = true;
    else if (isObject(value)) alone.push(value);
    else continue;
    index = (end ?? index) - 1;
  }
  if (alone.length > 0) return alone;
  return isEmpty ? [] : undefined;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** An array, or the one array that an object holds. */
function listIn(value: unknown): unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (!isObject(value)) return undefined;
  const [only, ...others] = Object.values(value);
  return others.length === 0 && Array.isArray(only) ? only : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The index behind the bracket that closes the one at `start`. */
function endOf(text: string, start: number): number | undefined {
  let depth = 0;
  let isInString = false;
  for (let index = start; index < text.length; index++) {
    const character = text[index];
    if (isInString) {
      if (character === '\\') index++;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === '[' || character === '{') depth++;
    else if (character === ']' || character === '}') {
      depth--;
      if (depth === 0) return index + 1;
    }
  }
  return undefined;
}
