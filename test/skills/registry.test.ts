import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type AnySkill, createCatalogue, loadSkills } from '../../skills/registry.ts';
import type { Host } from '../../skills/tool.ts';
import { makeFolder } from '../support/folder.ts';
import { codeRoot } from '../support/instance.ts';
import { makeSkill, makeTool } from '../support/skill.ts';

const whole =
  "export default { name: 'NAME', description: '', prefix: 'NAME', allowedInStaging: true, migrations: [], tools: [], open: (host) => host };";
const good = (name: string) => whole.replaceAll('NAME', name);

describe('loadSkills', () => {
  it('leaves out what is broken, names it with its reason, and loads the others in order', async () => {
    const folder = makeFolder({
      'zebra/index.ts': good('zebra'),
      'apple/index.ts': good('apple'),
      'syntax/index.ts': 'export default {{{',
      'throws/index.ts': "throw new Error('no database here');",
      'throws-text/index.ts': "throw 'a mere text';",
      'missing/index.ts': "import './not-there.ts'; export default {};",
      'empty/index.ts': '',
      'null/index.ts': 'export default null;',
      'number/index.ts': 'export default 7;',
      'no-open/index.ts': good('x').replace('open:', 'shut:'),
      'no-migrations/index.ts': good('x').replace('migrations: [],', ''),
      'no-prefix/index.ts': good('x').replace("prefix: 'x',", ''),
      'no-role/index.ts': good('x').replace('allowedInStaging: true,', ''),
      'tools-object/index.ts': good('x').replace('tools: []', 'tools: {}'),
      'not-a-skill/readme.md': 'nothing here',
      'tool.ts': 'throw new Error("files are no skills");',
    });
    const { skills, failures } = await loadSkills(folder);
    expect(skills.map(({ name }) => name)).toEqual(['apple', 'zebra']);
    expect(failures.map(({ name }) => name)).toEqual([
      'empty',
      'missing',
      'no-migrations',
      'no-open',
      'no-prefix',
      'no-role',
      'null',
      'number',
      'syntax',
      'throws',
      'throws-text',
      'tools-object',
    ]);
    const reasons = Object.fromEntries(failures.map(({ name, reason }) => [name, reason]));
    expect(reasons).toMatchObject({
      throws: 'no database here',
      'throws-text': 'a mere text',
      missing: expect.stringContaining('not-there'),
      empty: expect.stringContaining('no default export that is a skill'),
    });
    for (const { reason } of failures) expect(reason).not.toBe('');
  });

  it('finds none in an empty folder', async () => {
    expect(await loadSkills(makeFolder())).toEqual({ skills: [], failures: [] });
  });

  it('loads all skills of this project', async () => {
    const { skills, failures } = await loadSkills(join(codeRoot, 'skills'));
    expect(failures).toEqual([]);
    expect(skills.map(({ name }) => name)).toContain('process-manager');
  });
});

describe('createCatalogue', () => {
  const host = {} as Host<never>;
  const catalogue = (...skills: AnySkill[]) => createCatalogue(skills, () => host);

  it.each([
    ['two tools', [makeSkill([makeTool('list', 'read'), makeTool('list', 'read')])], 'list'],
    [
      'tools of two skills',
      [
        makeSkill([makeTool('list', 'read')]),
        makeSkill([makeTool('list', 'read')], { name: 'other', prefix: 'o' }),
      ],
      'list',
    ],
    [
      'an alias and a tool',
      [makeSkill([makeTool('logs', 'read', { aliases: ['list'] }), makeTool('list', 'read')])],
      'list',
    ],
    [
      'a name for the LLM and a tool',
      [makeSkill([makeTool('list', 'read'), makeTool('trial_list', 'read')])],
      'trial_list',
    ],
  ] as const)('leaves the second of two out, and names it: %s', (_, skills, name) => {
    const { conflicts, entries } = catalogue(...skills);
    expect(conflicts).toEqual([
      { name: skills.at(-1)?.name, reason: `its tool '${name}' has the name of another skill's` },
    ]);
    expect(entries).toHaveLength(skills.flatMap(({ tools }) => tools).length - 1);
  });

  it('finds a tool by name, alias and LLM name, and by nothing else', () => {
    const { find, entries } = catalogue(makeSkill([makeTool('logs', 'read', { aliases: ['read_logs'] })]));
    const [entry] = entries;
    expect(entry?.tool.name).toBe('logs');
    for (const name of ['logs', 'read_logs', 'trial_logs']) expect(find(name)).toBe(entry);
    for (const name of ['LOGS', 'log', 'trial', '', 'constructor', '__proto__', 'trial_'])
      expect(find(name)).toBeUndefined();
  });

  it('keeps the order of skills and tools', () => {
    const { entries } = catalogue(
      makeSkill([makeTool('b', 'read'), makeTool('a', 'read')]),
      makeSkill([makeTool('c', 'read')], { name: 'other', prefix: 'other' }),
    );
    expect(entries.map(({ tool }) => tool.name)).toEqual(['b', 'a', 'c']);
  });

  it('opens a skill on the first call, once for all of its tools, and tries again after a failure', () => {
    let opened = 0;
    const open = () => {
      if (++opened === 1) throw new Error('not yet');
      return { opened };
    };
    const { entries } = catalogue(makeSkill([makeTool('a', 'read'), makeTool('b', 'read')], { open }));
    expect(opened).toBe(0);
    expect(() => entries[0]?.engine()).toThrow('not yet');
    expect(entries[0]?.engine()).toBe(entries[1]?.engine());
    expect(opened).toBe(2);
  });
});
