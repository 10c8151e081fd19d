// The lines of a log that the page keeps: bounded, in the order in which they came, each once although a connection that
// was lost tells some of them again. Pure.

/** @typedef {{stream: string, at: number, text: string}} Line */
/** @typedef {{lines: Line[], gap: boolean, reset: boolean}} LogNews */

const gapMark = { stream: 'gap', at: -1, text: '… lines were printed faster than they are shown here …' };

/**
 * Keeps at most so many lines.
 * @param {number} kept
 */
export function createLogLines(kept) {
  /** @type {Line[]} */
  let lines = [];
  /** @type {Map<string, number>} the place of the newest line of each stream */
  const newest = new Map();
  return {
    get lines() {
      return lines;
    },
    /**
     * Takes what is new: `added` comes behind what is shown, unless everything has to be drawn anew.
     * @param {LogNews} news
     */
    take({ lines: told, gap, reset }) {
      if (reset) newest.clear();
      const fresh = told.filter(({ stream, at }) => at >= (newest.get(stream) ?? -1));
      // A line that had not ended is told again when it has grown.
      const regrown = fresh.filter(({ stream, at }) => newest.get(stream) === at);
      let hasChanged = false;
      for (const line of regrown) {
        const index = lines.findLastIndex(({ stream, at }) => stream === line.stream && at === line.at);
        if (index < 0 || lines[index]?.text === line.text) continue;
        lines[index] = line;
        hasChanged = true;
      }
      const added = fresh.filter((line) => !regrown.includes(line));
      const isFirst = lines.length === 0;
      const shown = gap && !isFirst ? [gapMark, ...added] : added;
      for (const { stream, at } of added) newest.set(stream, at);
      lines = [...lines, ...shown].slice(-kept);
      return { added: shown, isRedrawn: isFirst || hasChanged };
    },
  };
}
