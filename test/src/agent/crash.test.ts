// A bot that is killed (-9) right before each of the agent's changes of the database, and started again: nothing is done
// twice without the model knowing that it may have been, nothing is lost, and the conversation can still be sent.

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type AgentServer, type SeenRequest, startAnthropicServer } from '../../agent-servers/index.ts';
import { codeRoot, makeInstance, runProgram } from '../../support/instance.ts';

/** Bundled once: some seventy processes of it are started. Beside the packages, so that it finds them. */
const program = join(codeRoot, 'node_modules/.cache', `agent-program-${process.pid}.mjs`);
beforeAll(() =>
  build({
    entryPoints: [join(codeRoot, 'test/support/agent-program.ts')],
    outfile: program,
    ...{ bundle: true, packages: 'external', platform: 'node', format: 'esm', logLevel: 'error' },
  }),
);
afterAll(() => rmSync(program, { force: true }));

const lines = (root: string, name: string) =>
  existsSync(join(root, name))
    ? readFileSync(join(root, name), 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as string)
    : [];

/** A model that wants two deeds done, one after the other, and then says so; it repeats none that was interrupted. */
function script(request: SeenRequest) {
  const results = request.messages.flatMap((message) => message.results);
  if (results.length < 2) {
    const target = results.length === 0 ? 'one' : 'two';
    return { text: `I do ${target}.`, calls: [{ name: 'trial_act', input: { target } }] };
  }
  return { text: 'Both are done.' };
}

async function run(root: string, server: AgentServer, ...words: string[]) {
  return runProgram(process.execPath, [program, root, server.url, ...words], {
    cwd: codeRoot,
  });
}

/** Kills a bot of its own before each of these changes, starts it again, and looks at what is left. */
async function killAtEach(
  steps: readonly string[],
  server: AgentServer,
  look: (root: string, at: string) => void,
): Promise<void> {
  const waiting = steps.map((_, index) => index + 1);
  const work = async () => {
    for (let step = waiting.shift(); step !== undefined; step = waiting.shift()) {
      const at = `killed before step ${step} (${steps[step - 1]})`;
      const root = makeInstance();
      await run(root, server, String(step));
      // The second time the message comes again, as Discord may send it; it counts once.
      await run(root, server);
      expect(lines(root, 'log'), at).toEqual([]);
      look(root, at);
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
}

it('goes on where it was, whatever it was about to write', { timeout: 240_000 }, async () => {
  const server = await startAnthropicServer({ replies: script });
  const model = makeInstance();
  const list = join(model, 'steps');
  await run(model, server, '0', list);
  expect(lines(model, 'said')).toEqual(['I do one.\n\nI do two.\n\nBoth are done.']);
  expect(lines(model, 'ran')).toEqual(['one', 'two']);
  const steps = readFileSync(list, 'utf8').trimEnd().split('\n');
  expect(steps.length).toBeGreaterThan(20);

  await killAtEach(steps, server, (root, at) => {
    const ran = lines(root, 'ran');
    // Never twice: what was begun when the kill came is told to the model, and not repeated.
    expect(ran, at).toEqual([...new Set(ran)]);
    const said = lines(root, 'said');
    expect(said.at(-1), at).toMatch(/Both are done\.$/);
    // At most the last answer may stand there again.
    expect(said.filter((text) => text.endsWith('Both are done.')).length, at).toBeLessThanOrEqual(2);
  });
  expect(server.requests.flatMap(({ problems }) => problems)).toEqual([]);
  const interrupted = server.requests
    .flatMap(({ messages }) => messages.flatMap(({ results }) => results))
    .filter(({ text }) => text.startsWith('interrupted'));
  expect(interrupted.length).toBeGreaterThan(0);
  await server.close();
});

it('asks what it was about to ask, and waits for the answer', { timeout: 240_000 }, async () => {
  const server = await startAnthropicServer({
    replies: ({ messages }) =>
      messages.some(({ results }) => results.length > 0)
        ? { text: 'I have not waited.' }
        : { calls: [{ name: 'ask_person', input: { question: 'Red or blue?' } }] },
  });
  const model = makeInstance();
  const list = join(model, 'steps');
  await run(model, server, '0', list);
  expect(lines(model, 'said')).toEqual(['Red or blue?']);
  const steps = readFileSync(list, 'utf8').trimEnd().split('\n');
  await killAtEach(steps, server, (root, at) => {
    const said = lines(root, 'said');
    expect([['Red or blue?'], ['Red or blue?', 'Red or blue?']], at).toContainEqual(said);
  });
  await server.close();
});
