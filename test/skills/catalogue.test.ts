// All skills of this repository together, as the bot loads them: what every surface relies on holds for each of them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createCatalogue, loadSkills } from '../../skills/registry.ts';
import { commandsOf } from '../../src/discord/commands.ts';
import { checkLimits } from '../discord/limits.ts';
import { codeRoot, makeInstance, understudy } from '../support/instance.ts';

const loaded = await loadSkills(join(codeRoot, 'skills'));
const catalogue = createCatalogue(loaded.skills, () => {
  throw new Error('nothing is run here');
});
const tools = catalogue.entries.map(
  ({ tool, skill }) => [`${skill.prefix}_${tool.name}`, tool, skill] as const,
);

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly type?: string;
  readonly description?: string;
}

describe('the skills', () => {
  it('all load, and none has the names of another', () => {
    expect(loaded.failures).toEqual([]);
    expect(catalogue.conflicts).toEqual([]);
    const prefixes = loaded.skills.map(({ prefix }) => prefix);
    expect(prefixes).toEqual(expect.arrayContaining(['memory', 'process', 'workshop']));
  });

  it.each(loaded.skills)('$name speaks of all of its tools in SKILL.md', ({ name, prefix, tools: own }) => {
    const page = readFileSync(join(codeRoot, 'skills', name, 'SKILL.md'), 'utf8');
    expect(page).toMatch(new RegExp(`^---\nname: ${name}\ndescription: .+\n---\n`));
    for (const tool of own) expect(page).toContain(`\`${prefix}_${tool.name}\``);
  });

  it('are taken by Discord, every tool of them', () => {
    const { commands, leftOut } = commandsOf(catalogue.entries, () => false);
    expect(leftOut).toEqual([]);
    expect(commands).toHaveLength(loaded.skills.length);
    expect(checkLimits('commands', commands, [])).toEqual([]);
    for (const { options } of commands) expect(options.length).toBeLessThanOrEqual(25);
  });
});

describe.each(tools)('%s', (name, tool, skill) => {
  const schema = z.toJSONSchema(tool.input, { io: 'input' }) as Schema & Readonly<Record<string, unknown>>;

  it('is a tool that models take: a name, and an object without unions', () => {
    expect(name).toMatch(/^[a-z][a-z_]{0,63}$/);
    expect(schema.type).toBe('object');
    for (const union of ['oneOf', 'anyOf', 'allOf']) expect(schema).not.toHaveProperty(union);
    expect(tool.description.length).toBeLessThan(1_024);
  });

  it('describes every field, in kinds that a command line and Discord have', () => {
    for (const [field, { description, type }] of Object.entries(schema.properties ?? {})) {
      expect([field, description]).toEqual([field, expect.stringMatching(/.{5}/)]);
      expect([field, type]).toEqual([field, expect.stringMatching(/^(string|boolean|integer|number)$/)]);
    }
  });

  it('has examples, of this tool, and says truly whether it only reads', () => {
    if (skill.name !== 'process-manager') expect(tool.examples?.length).toBeGreaterThan(0);
    for (const { command } of tool.examples ?? []) expect(command.split(' ')[0]).toBe(tool.name);
    expect(tool.annotations.readOnly).toBe(tool.permission === 'read');
  });
});

describe('the command line', () => {
  it('reads, edits and remembers as the examples say', async () => {
    const root = makeInstance({ 'staging/src/greeting.ts': "export const greeting = 'Hello';\n" });
    const run = (...words: string[]) => understudy(['--root', root, ...words]);
    const edited = await run(
      'edit_file',
      'src/greeting.ts',
      '--old-text',
      'Hello',
      '--new-text',
      'Good morning',
    );
    expect(edited).toMatchObject({ exitCode: 0, stderr: '' });
    expect(edited.stdout).toBe(
      "src/greeting.ts was changed.\n--- a/src/greeting.ts\n+++ b/src/greeting.ts\n@@ -1 +1 @@\n-export const greeting = 'Hello';\n+export const greeting = 'Good morning';\n",
    );
    const [read, failed, remembered] = await Promise.all([
      run('--json', 'read-file', 'src/greeting.ts'),
      run('edit_file', 'src/greeting.ts', '--old-text', 'Hello', '--new-text', 'x'),
      run('remember', 'Ada deploys on Fridays only', '--kind', 'fact'),
    ]);
    expect(JSON.parse(read.stdout)).toMatchObject({ text: "1\texport const greeting = 'Good morning';" });
    expect(failed).toMatchObject({ exitCode: 1, stdout: '' });
    expect(failed.stderr).toMatch(/^The old text is not in src\/greeting\.ts/);
    expect(remembered.exitCode).toBe(0);
    const recalled = await run('recall', 'deploy');
    expect(recalled.stdout).toBe('memory/MEMORY.md:3: Ada deploys on Fridays only\n');
  });
});
