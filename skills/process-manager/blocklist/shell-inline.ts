// Reads the one-line programs of `python -c`, `perl -e` and their like for the few calls that reach a shell or delete
// a tree. It is a glance and not a parser: enough for what people and models really write.

/** What a one-line program of another language would run or delete. */
interface InlineCalls {
  readonly scripts: readonly string[];
  readonly removedPaths: readonly string[];
  readonly isForkBomb: boolean;
}

/** The calls of an interpreter's program, given inline or on its input; undefined when there is none to read. */
export function readInline(name: string, words: readonly string[], input?: string): InlineCalls | undefined {
  const code = /^[gmn]?awk$/.test(name) ? words.join('\n') : inlineCode(name, words, input);
  if (code === undefined) return undefined;
  return {
    scripts: captures(code, shellCall).map((text) => text.replace(/["'`,]/g, ' ')),
    removedPaths: captures(code, removeCall),
    isForkBomb: /fork(?:\(\))? while (?:fork|1|true)|while[^;\n]{0,40}\bfork\b/i.test(code),
  };
}

const shellCall =
  /\b(?:system|popen|exec|execSync|shell_exec|passthru|call|check_call|check_output|Popen|run|spawn|spawnSync|getoutput|execFileSync)\b[\s([]{1,20}(["'`][^)\]]*)/g;
const removeCall =
  /(?:rmtree|rm_rf|rm_r|rmSync|rmdirSync|remove_tree|removeSync|\brm)\b[\s([]{1,20}["'`]([^"'`]*)["'`]/g;

function inlineCode(name: string, words: readonly string[], input: string | undefined): string | undefined {
  if (!/^(?:python|perl|ruby|node|nodejs|php|lua|bun|deno)[\d.]{0,6}$/.test(name)) return undefined;
  const flag = words.findIndex((word) => /^-[a-zA-Z]{0,4}[ceErp]$|^--(?:eval|print)$/.test(word));
  if (flag >= 0) return words[flag + 1];
  return words.every((word) => word.startsWith('-')) ? input : undefined;
}

function captures(code: string, pattern: RegExp): string[] {
  return [...code.matchAll(pattern)].map((match) => match[1] ?? '');
}
