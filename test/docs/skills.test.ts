// Each SKILL.md keeps to the Agent Skills format, so that other agents can read it too.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadSkills } from '../../skills/registry.ts';
import { codeRoot } from '../support/instance.ts';
import { faultsOfSkill } from '../support/skill-page.ts';

const fine =
  '---\nname: baking\ndescription: Bakes bread. Use it when somebody is hungry.\n---\n\n# Baking\n';

describe('the check of a SKILL.md', () => {
  it.each([
    ['no frontmatter', '# Baking\n', /frontmatter/],
    ['frontmatter that is no YAML', fine.replace('baking', '"baking'), /frontmatter/],
    ['another name than its folder', fine.replace('name: baking', 'name: cooking'), /folder/],
    ['no name', fine.replace('name: baking\n', ''), /name/],
    ['capitals in its name', fine.replace('name: baking', 'name: Baking'), /name/],
    ['two hyphens in a row', fine.replace('name: baking', 'name: ba--king'), /name/],
    ['a name that is too long', fine.replace('name: baking', `name: ${'b'.repeat(65)}`), /name/],
    ['no description', fine.replace(/description: .*\n/, ''), /description/],
    ['an empty description', fine.replace(/description: .*/, 'description: " "'), /description/],
    ['a description that is too long', fine.replace('Bakes', 'B'.repeat(1_025)), /description/],
    ['tags in its description', fine.replace('Bakes', '<b>Bakes</b>'), /description/],
    ['a key that the format does not know', fine.replace('name:', 'colour: red\nname:'), /colour/],
    ['a body that is too long', fine + 'line\n'.repeat(500), /500 lines/],
    ['no body', fine.replace('# Baking\n', ''), /body/],
  ])('finds %s', (_, text, fault) => {
    expect(faultsOfSkill('baking', text).join('; ')).toMatch(fault);
  });

  it('finds nothing in one that is right', () => {
    expect(faultsOfSkill('baking', fine)).toEqual([]);
  });
});

const { skills } = await loadSkills(join(codeRoot, 'skills'));

it('every skill has its page', () => {
  const folders = readdirSync(join(codeRoot, 'skills')).filter((name) =>
    existsSync(join(codeRoot, 'skills', name, 'SKILL.md')),
  );
  expect(folders.sort()).toEqual(skills.map(({ name }) => name).sort());
});

describe.each(skills.map((skill) => [skill.name, skill] as const))('skills/%s/SKILL.md', (name, skill) => {
  const text = readFileSync(join(codeRoot, 'skills', name, 'SKILL.md'), 'utf8');

  it('keeps to the format', () => {
    expect(faultsOfSkill(name, text)).toEqual([]);
  });

  it('names every tool of the catalogue, and no other', () => {
    const named = [...text.matchAll(/^\| `(\w+)` \|/gm)].map(([, tool]) => tool);
    expect(named).toEqual(skill.tools.map((tool) => `${skill.prefix}_${tool.name}`));
  });
});
