// What the page asks of the server. An error is an object {code, message, hint}; nothing here draws anything.

/** @typedef {{code: string, message: string, hint: string}} Problem */
/** @typedef {{id: string, tool: string, question: string, input: string, leftMs: number}} Question */
/** @typedef {{heading?: string, table?: Table, tables?: Table[], text?: string, notes?: string[]}} View */
/** @typedef {{columns: string[], rows: string[][]}} Table */
/**
 * @typedef {object} Listener
 * @property {(step: {message: string, fraction?: number}) => void} [progress]
 * @property {(message: string) => void} [notice]
 * @property {(question: Question) => void} [question]
 */

/** @type {Problem} */
const away = {
  code: 'away',
  message: 'The bot does not answer.',
  hint: 'It may be restarting; the page connects again by itself. Look with: understudy status',
};

/**
 * Calls a tool; while it runs, `listener` is told what happens.
 * @param {string} tool
 * @param {Record<string, unknown>} input
 * @param {{listener?: Listener, isRepeated?: boolean}} [options]
 * @returns {Promise<{output: any, view: View, failed: boolean}>}
 */
export async function call(tool, input, { listener = {}, isRepeated = false } = {}) {
  const response = await post('/api/call', { tool, input, isRepeated });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  try {
    for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) {
      const lines = (rest + chunk.value).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const event = JSON.parse(line);
        if (event.type === 'progress') listener.progress?.(event);
        else if (event.type === 'notice') listener.notice?.(event.message);
        else if (event.type === 'question') listener.question?.(event.question);
        else if (event.type === 'failure') throw event.error;
        else return event;
      }
    }
  } catch (error) {
    throw isProblem(error) ? error : cutOff(tool);
  }
  throw cutOff(tool);
}

/**
 * Sends JSON.
 * @param {string} path
 * @param {object} body
 */
export async function post(path, body) {
  return answerOf(
    fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  );
}

/** @param {string} path */
export async function get(path) {
  return (await answerOf(fetch(path))).json();
}

/** @param {Promise<Response>} sent */
async function answerOf(sent) {
  const response = await sent.catch(() => {
    throw away;
  });
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({ error: away }));
  throw error;
}

/**
 * What an error says, whatever it is.
 * @param {unknown} error
 * @returns {Problem}
 */
export function problemOf(error) {
  if (isProblem(error)) return error;
  return { code: 'page', message: `The page failed: ${error}`, hint: 'Reload it.' };
}

/** @param {any} error @returns {error is Problem} */
function isProblem(error) {
  return typeof error?.code === 'string' && typeof error?.hint === 'string';
}

/** @param {string} tool @returns {Problem} */
function cutOff(tool) {
  return {
    code: 'cut_off',
    message: `The bot ended while '${tool}' was under way.`,
    hint: 'What became of it stands under History and Releases as soon as the bot is back.',
  };
}
