// What the Agent Skills format asks of a SKILL.md: https://agentskills.io/specification

import { parse } from 'yaml';

const known = ['name', 'description', 'license', 'compatibility', 'metadata', 'allowed-tools'];
const longestBody = 500;

/** What a page has wrong; nothing, when all is well. */
export function faultsOfSkill(folder: string, text: string): string[] {
  const [, head, body = ''] = /^---\n([\s\S]*?)\n---\n([\s\S]*)$/.exec(text) ?? [];
  const fields = head === undefined ? undefined : readHead(head);
  if (fields === undefined) return ['it has no frontmatter that can be read'];
  const { name, description } = fields;
  const faults: (string | false)[] = [
    !isName(name) && 'its name is not 1 to 64 small letters, digits and single hyphens',
    name !== folder && 'its name is not that of its folder',
    !isDescription(description) && 'its description is not 1 to 1,024 characters without tags',
    body.trim() === '' && 'it has no body',
    body.trimEnd().split('\n').length >= longestBody && `its body does not stay under ${longestBody} lines`,
    ...Object.keys(fields).map((key) => !known.includes(key) && `the format has no key ${key}`),
  ];
  return faults.filter((fault) => fault !== false);
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && name.length <= 64 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name);
}

function isDescription(text: unknown): boolean {
  return typeof text === 'string' && text.trim() !== '' && text.length <= 1_024 && !/<[^>]*>/.test(text);
}

function readHead(head: string): Record<string, unknown> | undefined {
  try {
    const fields: unknown = parse(head);
    return typeof fields === 'object' && fields !== null ? { ...fields } : undefined;
  } catch {
    return undefined;
  }
}
