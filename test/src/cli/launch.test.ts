// The command line as an installed program: copies of this project's code that are changed, broken or incomplete.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { copyCode } from '../../support/code.ts';
import { makeInstance, understudy } from '../../support/instance.ts';

function edit(file: string, from: string, to: string): void {
  const text = readFileSync(file, 'utf8');
  if (!text.includes(from)) throw new Error(`${file} does not hold: ${from}`);
  writeFileSync(file, text.replace(from, to));
}

const listTool = 'skills/process-manager/tools/list.ts';

describe('the bundle', () => {
  it('is made on the first run, used afterwards, and made anew when a source changes', async () => {
    const code = copyCode();
    const root = makeInstance();
    const run = () => understudy(['--root', root, 'list'], { code });
    expect((await run()).stdout).toContain('Nothing runs');
    const cache = join(code, 'node_modules/.cache/understudy');
    const bundles = () => readdirSync(cache).filter((name) => name.endsWith('.mjs'));
    expect(bundles()).toHaveLength(1);
    const [first = ''] = bundles();
    edit(join(cache, first), 'Nothing runs', 'The bundle says: nothing runs');
    expect((await run()).stdout).toContain('The bundle says');
    edit(join(code, listTool), 'Nothing runs', 'Edited: nothing runs');
    expect((await run()).stdout).toContain('Edited');
    expect(bundles()).toHaveLength(2);
  });

  it('loads what few verbs need only when they do', async () => {
    const code = copyCode();
    await understudy(['--root', makeInstance(), 'list'], { code });
    const cache = join(code, 'node_modules/.cache/understudy');
    const [name = ''] = readdirSync(cache).filter((file) => file.endsWith('.mjs'));
    const bundle = readFileSync(join(cache, name), 'utf8');
    expect(bundle).toMatch(/import\("@modelcontextprotocol\/server"\)/);
    expect(bundle).not.toMatch(/^import .*"@modelcontextprotocol/m);
  });

  it('notices a skill that was added, and keeps few bundles', async () => {
    const code = copyCode();
    const root = makeInstance();
    const greet = (name: string) => `
      import { z } from 'zod';
      import { defineTool } from '../dispatch.ts';
      const tool = defineTool({
        name: '${name}', title: 'Greet', description: 'Greets.', input: z.strictObject({}),
        output: z.object({ text: z.string() }), permission: 'read',
        annotations: { readOnly: true, destructive: false, idempotent: true },
        handler: async () => ({ text: 'hello' }),
      });
      export default { name: '${name}', description: '', prefix: '${name}', allowedInStaging: true,
        migrations: [], tools: [tool], open: () => undefined };`;
    for (const name of ['one', 'two', 'three', 'four']) {
      mkdirSync(join(code, 'skills', name));
      writeFileSync(join(code, 'skills', name, 'index.ts'), greet(name));
      expect((await understudy(['--root', root, '--json', name], { code })).stdout).toBe(
        '{"text":"hello"}\n',
      );
    }
    const kept = readdirSync(join(code, 'node_modules/.cache/understudy')).filter((name) =>
      name.endsWith('.mjs'),
    );
    expect(kept).toHaveLength(3);
  });

  it('may be torn or missing: the command works all the same', async () => {
    const code = copyCode();
    const root = makeInstance();
    const run = () => understudy(['--root', root, '--json', 'list'], { code });
    await run();
    const cache = join(code, 'node_modules/.cache/understudy');
    writeFileSync(join(cache, 'current.json'), '{"sources": [');
    expect((await run()).stdout).toMatch(/^\{"processes":\[\],"bots":\[/);
    for (const name of readdirSync(cache)) if (name.endsWith('.mjs')) rmSync(join(cache, name));
    expect((await run()).stdout).toMatch(/^\{"processes":\[\],"bots":\[/);
  });
});

describe('broken code', () => {
  it('in one skill leaves the others at work, and doctor names it', async () => {
    const code = copyCode();
    mkdirSync(join(code, 'skills/half-written'));
    writeFileSync(join(code, 'skills/half-written/index.ts'), 'export default {{{');
    const root = makeInstance();
    expect((await understudy(['--root', root, '--json', 'list'], { code })).stdout).toMatch(
      /^\{"processes":\[\],"bots":\[/,
    );
    const doctor = await understudy(['--root', root, 'doctor'], { code });
    expect(doctor.exitCode).toBe(1);
    expect(doctor.stdout).toContain('skills/half-written does not load');
  });

  it("that throws while it loads leaves the others at work too, and prints into nobody's answer", async () => {
    const code = copyCode();
    mkdirSync(join(code, 'skills/throwing'));
    writeFileSync(
      join(code, 'skills/throwing/index.ts'),
      "console.log('printed while loading'); throw new Error('not today');",
    );
    const { stdout, stderr } = await understudy(['--root', makeInstance(), '--json', 'list'], { code });
    expect(JSON.parse(stdout)).toMatchObject({ processes: [] });
    expect(stderr).toContain('printed while loading');
  });

  it('in the middle of everything is said in one sentence', async () => {
    const code = copyCode();
    edit(join(code, 'src/config.ts'), 'export function', 'export funktion');
    const { exitCode, stderr } = await understudy(['--root', makeInstance(), 'list'], { code });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^The code of Understudy does not load: .*\n-> .*\n$/);
  });

  it('without the package of one verb says so at that verb, and the others work', async () => {
    const code = copyCode();
    rmSync(join(code, 'node_modules/@modelcontextprotocol'));
    const root = makeInstance();
    const { exitCode, stdout, stderr } = await understudy(['--root', root, 'mcp'], { code });
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^The package @modelcontextprotocol\/server cannot be loaded: .*\n-> .*npm ci\n$/);
    expect((await understudy(['--root', root, 'list'], { code })).exitCode).toBe(0);
  });

  it('without its packages says how to install them', async () => {
    const code = copyCode({ withPackages: false });
    const { exitCode, stdout } = await understudy(['--json', 'list'], { code });
    expect(exitCode).toBe(1);
    const { error } = JSON.parse(stdout) as { error: { code: string; hint: string } };
    expect(error.code).toBe('not_installed');
    expect(error.hint).toContain('npm ci');
    expect(existsSync(join(code, 'node_modules'))).toBe(false);
  });
});
