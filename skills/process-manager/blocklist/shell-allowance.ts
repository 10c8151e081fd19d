// Bounds what one text may cost, so that no command can stall or overflow the one who judges it.

/** Thrown for text that is nested too deeply, or that takes too much work, to be judged. */
export class UnreadableScript extends Error {}

const deepest = 40;

/** Work and depth that are left; both throw UnreadableScript when they run out. */
export class Allowance {
  #left: number;
  #depth = 0;

  constructor(most: number) {
    this.#left = most;
  }

  spend(amount: number): void {
    this.#left -= amount;
    if (this.#left < 0) throw new UnreadableScript('it unfolds into too much');
  }

  descend(): void {
    this.#depth += 1;
    if (this.#depth > deepest) throw new UnreadableScript('it is nested too deeply');
  }

  ascend(): void {
    this.#depth -= 1;
  }
}
