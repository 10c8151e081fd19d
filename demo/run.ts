// `npm run demo`: the story on the terminal. No network, no keys; the model is a script (demo/script.ts).

import { tell } from './story.ts';

const colours: Record<string, number> = { story: 1, Ada: 36, bot: 32, tool: 2, watchdog: 33 };
const begun = Date.now();
const paint = (text: string, colour: number) =>
  process.stdout.isTTY && !process.env.NO_COLOR ? `\x1b[${colour}m${text}\x1b[0m` : text;

process.stdout.write(
  'A bot that rewrites itself. Everything is real (bot, watchdog, Test Bud, gates, switch) but the model and Discord.\n\n',
);
const { releases, problems } = await tell(({ who, text }) => {
  const at = `${((Date.now() - begun) / 1000).toFixed(1).padStart(5)} s  ${who.padEnd(8)}`;
  const [first = '', ...rest] = text.split('\n');
  const lines = [first, ...rest.map((line) => `${' '.repeat(at.length + 2)}${line}`)];
  process.stdout.write(`${paint(`${at}  ${lines.join('\n')}`, colours[who] ?? 0)}\n`);
});
process.stdout.write(
  `\nReleases: ${releases.map(({ version, state }) => `${version} ${state}`).join(', ')}\n`,
);
if (problems.length > 0) {
  process.stdout.write(`Refused on the way:\n${problems.join('\n')}\n`);
  process.exitCode = 1;
}
