// Finds the skills of a code folder (skills/*/index.ts), loads them, and makes one catalogue of their tools.
// A skill that does not load is left out and named: one bad edit must not take the others down.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { CatalogueEntry } from './dispatch.ts';
import type { Host, Skill } from './tool.ts';

/** Any skill, whatever its settings: the host matches them by name. */
export type AnySkill = Skill<never, unknown>;

/** The skills that loaded, and why the others did not. */
export interface LoadedSkills {
  readonly skills: readonly AnySkill[];
  readonly failures: readonly { readonly name: string; readonly reason: string }[];
}

/** The tools of all skills by name, alias and LLM name. */
export interface Catalogue {
  readonly entries: readonly CatalogueEntry[];
  /** Every skill, and its engine, which is opened on the first call. */
  readonly skills: readonly { readonly skill: AnySkill; engine(): unknown }[];
  /** Tools that were left out because another skill had their name first. */
  readonly conflicts: readonly { readonly name: string; readonly reason: string }[];
  find(name: string): CatalogueEntry | undefined;
}

/** The names of the folders that hold a skill, sorted. */
function skillFolders(skillsFolder: string): string[] {
  return readdirSync(skillsFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .filter((entry) => readdirSync(join(skillsFolder, entry.name)).includes('index.ts'))
    .map((entry) => entry.name)
    .sort();
}

/** Loads every skill below the folder. */
export async function loadSkills(skillsFolder: string): Promise<LoadedSkills> {
  const skills: AnySkill[] = [];
  const failures: { name: string; reason: string }[] = [];
  for (const name of skillFolders(skillsFolder)) {
    try {
      const url = pathToFileURL(join(skillsFolder, name, 'index.ts')).href;
      const module: { default?: unknown } = await import(url);
      skills.push(asSkill(module.default));
    } catch (error) {
      failures.push({ name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  return { skills, failures };
}

/** Joins the tools of all skills. `hostFor` gives a skill its surroundings, on the first call of one of its tools. */
export function createCatalogue(
  skills: readonly AnySkill[],
  hostFor: (skill: AnySkill) => Host<never>,
): Catalogue {
  const entries: CatalogueEntry[] = [];
  const opening: { skill: AnySkill; engine(): unknown }[] = [];
  const conflicts: { name: string; reason: string }[] = [];
  const byName = new Map<string, CatalogueEntry>();
  for (const skill of skills) {
    let opened: { engine: unknown } | undefined;
    const engine = () => {
      opened ??= { engine: skill.open(hostFor(skill)) };
      return opened.engine;
    };
    opening.push({ skill, engine });
    for (const tool of skill.tools) {
      const entry: CatalogueEntry = { tool, skill, engine };
      const names = [tool.name, ...(tool.aliases ?? []), `${skill.prefix}_${tool.name}`];
      const taken = names.find((name) => byName.has(name));
      if (taken !== undefined) {
        conflicts.push({ name: skill.name, reason: `its tool '${taken}' has the name of another skill's` });
        continue;
      }
      entries.push(entry);
      for (const name of names) byName.set(name, entry);
    }
  }
  return { entries, skills: opening, conflicts, find: (name) => byName.get(name) };
}

function asSkill(candidate: unknown): AnySkill {
  const skill = candidate as Partial<AnySkill> | undefined;
  const isSkill =
    typeof skill?.name === 'string' &&
    typeof skill.prefix === 'string' &&
    typeof skill.allowedInStaging === 'boolean' &&
    typeof skill.open === 'function' &&
    Array.isArray(skill.migrations) &&
    Array.isArray(skill.tools);
  if (!isSkill) {
    throw new Error(
      'its index.ts has no default export that is a skill (name, prefix, allowedInStaging, migrations, tools, open)',
    );
  }
  return skill as AnySkill;
}
