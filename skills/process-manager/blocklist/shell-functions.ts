// Finds the functions that a script defines, and tells a fork bomb: a function that starts itself more than once, in
// a pipe or in the background. Works on the flat list in one pass, so nesting costs nothing.

import { type Command, headOf, plainTextOf } from './shell-commands.ts';

/** A function: its body is the commands from `start` to `end`, the last one included. */
export interface ShellFunction {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly isForkBomb: boolean;
}

/** The functions of a script, by the index at which their bodies start. */
export function findFunctions(commands: readonly Command[]): ReadonlyMap<number, ShellFunction> {
  const scan = new Scan();
  for (const [index, command] of commands.entries()) scan.step(index, command, commands[index + 1]);
  scan.closeDownTo(-1, commands.length - 1);
  return scan.found;
}

/** The name of the function that a command starts to define, as in `name()` or `function name`. */
export function definedName(command: Command, next: Command | undefined): string | undefined {
  const head = headOf(command);
  if (head.defines !== undefined) return head.defines;
  const isCall = command.operator !== '(' || next?.operator !== ')' || next.words.length > 0;
  return isCall ? undefined : plainTextOf(command.words[head.start]);
}

interface OpenFunction {
  readonly name: string;
  readonly start: number;
  readonly depth: number;
  readonly forksBefore: number;
  readonly branchesBefore: number;
  calls: number;
  isConditional: boolean;
}

class Scan {
  readonly found = new Map<number, ShellFunction>();
  readonly #open: OpenFunction[] = [];
  readonly #openByName = new Map<string, OpenFunction[]>();
  #depth = 0;
  #forks = 0;
  #branches = 0;
  #isAfterDefinition = false;

  step(index: number, command: Command, next: Command | undefined): void {
    const head = headOf(command);
    const defined = definedName(command, next);
    if (defined !== undefined) {
      this.#openFunction(defined, command.operator === '(' ? index + 2 : index);
      this.#isAfterDefinition = command.operator === '(';
    }
    for (const keyword of head.keywords) this.#keyword(keyword, index);
    const first = plainTextOf(command.words[head.start]);
    // `:(){:|:&};:` lacks the blank that bash wants after the brace, and is meant all the same.
    const isGlued = this.#isAfterDefinition && first?.startsWith('{') === true && first.length > 1;
    if (isGlued) this.#depth += 1;
    if (defined === undefined || command.operator !== '(') {
      const hasArguments = command.words.length > head.start + 1;
      this.#call(isGlued ? first.slice(1) : first, hasArguments);
      if (command.words.length > 0) this.#isAfterDefinition = false;
    }
    this.#operator(command.operator, index);
  }

  closeDownTo(depth: number, end: number): void {
    for (let last = this.#open.at(-1); last !== undefined && last.depth >= depth; last = this.#open.at(-1)) {
      this.#open.pop();
      this.#openByName.get(last.name)?.pop();
      const forks = this.#forks > last.forksBefore;
      const isForkBomb = last.calls >= 2 && forks && !last.isConditional;
      this.found.set(last.start, { name: last.name, start: last.start, end, isForkBomb });
    }
  }

  #openFunction(name: string, start: number): void {
    const counts = { forksBefore: this.#forks, branchesBefore: this.#branches };
    const opened = { name, start, depth: this.#depth, ...counts, calls: 0, isConditional: false };
    this.#open.push(opened);
    const same = this.#openByName.get(name);
    if (same === undefined) this.#openByName.set(name, [opened]);
    else same.push(opened);
  }

  #keyword(keyword: string, index: number): void {
    if (keyword === '{') this.#depth += 1;
    if (keyword === '}') this.#leave(index);
    if (keyword === 'if' || keyword === 'while' || keyword === 'until') this.#branches += 1;
  }

  #call(name: string | undefined, hasArguments: boolean): void {
    if (name === 'for' || name === 'case') this.#branches += 1;
    const called = name === undefined ? undefined : this.#openByName.get(name)?.at(-1);
    if (called === undefined) return;
    called.calls += 1;
    // A walk through folders also calls itself, but with an argument and under a condition.
    if (hasArguments && this.#branches > called.branchesBefore) called.isConditional = true;
  }

  #operator(operator: string, index: number): void {
    if (operator === '|' || operator === '|&' || operator === '&') this.#forks += 1;
    if (operator === '&&' || operator === '||') this.#branches += 1;
    if (operator === '(') this.#depth += 1;
    if (operator === ')') this.#leave(index);
  }

  #leave(index: number): void {
    this.#depth = Math.max(0, this.#depth - 1);
    // `()` itself closes no body: a body starts two commands later.
    while (this.#open.at(-1)?.depth === this.#depth && (this.#open.at(-1)?.start ?? 0) <= index) {
      this.closeDownTo(this.#depth, index);
    }
  }
}
