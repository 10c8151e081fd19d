// Finds links of Markdown pages that lead nowhere: files that are missing, headings that are not there. Addresses of other
// hosts are not looked at, since a test asks nothing of a network.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';

/** What is wrong with the links of one page; nothing, when all is well. */
export function brokenLinks(folder: string, page: string): string[] {
  const text = withoutCode(readFileSync(join(folder, page), 'utf8'));
  return linksOf(text).flatMap((link) => {
    const problem = problemOf(folder, page, link);
    return problem === undefined ? [] : [`${link}: ${problem}`];
  });
}

function linksOf(text: string): string[] {
  const shapes = [
    /\]\(<?([^()\s<>]+)>?(?:\s+["'][^"']*["'])?\)/g,
    /^\[[^\]]+\]:\s*<?([^\s<>]+)>?/gm,
    /<(?:a|img|source)\s[^>]*?(?:href|src|srcset)="([^"]+)"/g,
  ];
  return shapes.flatMap((shape) => [...text.matchAll(shape)].map(([, link = '']) => link));
}

function problemOf(folder: string, page: string, link: string): string | undefined {
  if (/^[a-z][a-z+.-]*:/i.test(link)) return undefined;
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? join(folder, page) : resolve(folder, dirname(page), decodeURIComponent(path));
  if (relative(folder, target).startsWith('..')) return 'leads out of the repository';
  if (!isThere(target)) return 'there is no such file';
  if (anchor === undefined || !target.endsWith('.md')) return undefined;
  return anchorsOf(readFileSync(target, 'utf8')).has(anchor) ? undefined : 'there is no such heading';
}

/** By the listing, since some file systems do not tell cases apart and others do. */
function isThere(path: string): boolean {
  try {
    return statSync(path).isDirectory() || readdirSync(dirname(path)).includes(basename(path));
  } catch {
    return false;
  }
}

/** As GitHub makes them: small letters, no punctuation, a hyphen for each blank, a number for what was there before. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  const withoutFences = text.replace(/^([ \t]*)(```+|~~~+)[\s\S]*?^\1\2[ \t]*$/gm, '');
  for (const [, heading = ''] of withoutFences.matchAll(/^#{1,6}\s+(.*?)\s*#*$/gm)) {
    const words = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const plain = words.replace(/[^\p{L}\p{N}\p{M} _-]/gu, '').replaceAll(' ', '-');
    let [anchor, count] = [plain, 0];
    while (anchors.has(anchor)) anchor = `${plain}-${++count}`;
    anchors.add(anchor);
  }
  return anchors;
}

function withoutCode(text: string): string {
  return text.replace(/^([ \t]*)(```+|~~~+)[\s\S]*?^\1\2[ \t]*$/gm, '').replace(/(`+)[^`][\s\S]*?\1/g, '');
}
