// Services of instances that are not where they were: the service manager goes on starting a folder that was moved or
// removed. Nothing is done about them, since the folder may be on a disk that comes back; a person is told.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { planService } from './plan.ts';
import { marker, type Service, type ServiceOptions } from './service.ts';
import { commandInWords } from './words.ts';

const mostLooked = 500;
const folderIn = /(?:^WorkingDirectory=|<key>WorkingDirectory<\/key><string>|<WorkingDirectory>)([^<\r\n]+)/m;

/** A sentence for each, with what would take it away. */
export function leftovers({ file, encoding }: Service, options: ServiceOptions): string[] {
  const folder = dirname(file);
  return namesIn(folder).flatMap((name) => {
    const path = join(folder, name);
    const root = rootOf(path, encoding);
    if (root === undefined || existsSync(root)) return [];
    const old = planService({ ...options, root });
    // The name holds a hash of the folder, so a file that was read wrongly is not taken for another one.
    if (old.file !== path) return [];
    const remove = { words: ['rm', path] };
    const steps = [...old.disable, remove, ...old.forget].map(({ words }) => commandInWords(words));
    return [`${old.name} starts ${root}, which is not there any more. If it was moved: ${steps.join('; ')}`];
  });
}

function namesIn(folder: string): string[] {
  try {
    const ours = readdirSync(folder).filter((name) => /^(org\.)?understudy-/.test(name));
    return ours.slice(0, mostLooked);
  } catch {
    return [];
  }
}

function rootOf(path: string, encoding: Service['encoding']): string | undefined {
  try {
    const text = readFileSync(path, encoding);
    const [, written] = folderIn.exec(text) ?? [];
    if (!text.includes(marker) || written === undefined) return undefined;
    return path.endsWith('.service') ? written.replaceAll('%%', '%') : unescapeXml(written);
  } catch {
    return undefined;
  }
}

function unescapeXml(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&gt;', '>')
    .replaceAll('&lt;', '<')
    .replaceAll('&amp;', '&');
}
