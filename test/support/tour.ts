// Reads the tour of README.md: the blocks that are fenced as ```console tour, in which a line with `$ ` is a command and
// what follows is its answer. `…` within a line stands for anything in that line, and alone for any lines, none too.
// Blanks count as one, since a longer number moves the columns of a table.

/** A command of the tour, and what the page says it answers. */
export interface Step {
  readonly command: string;
  readonly answer: string;
}

/** The steps of a page, in their order. */
export function stepsOf(page: string): Step[] {
  const blocks = [...page.matchAll(/^```console tour\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((step) => {
        const [command = '', ...answer] = step.split('\n');
        return { command, answer: answer.join('\n').trim() };
      }),
  );
}

/** Whether an answer is what the page says. */
export function isAsShown(shown: string, answer: string): boolean {
  const lines = linesOf(shown).map((line) => (line === '…' ? '(?:[^\\n]*\\n)*?' : `${patternOf(line)}\\n`));
  return new RegExp(`^${lines.join('')}$`).test(
    linesOf(answer)
      .map((line) => `${line}\n`)
      .join(''),
  );
}

function linesOf(text: string): string[] {
  const lines = text.trim().split('\n');
  return lines.map((line) => line.replace(/\s+/g, ' ').trim()).filter((line) => line !== '');
}

function patternOf(line: string): string {
  const parts = line.split('…').map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return parts.join('[^\\n]*');
}
