// What a verb of the command line's own looks like: one that is no tool, since it makes sense in a shell only. Its
// input is a schema, as a tool's is, so that its words, its help and its page are made in the same way.

import type { z } from 'zod';
import type { LoadedSkills } from '../../skills/registry.ts';
import { type Actor, Failure, type Logger, type Tool, type View } from '../../skills/tool.ts';
import type { Instance } from '../instance.ts';

/** What such a verb may use. */
export interface Surroundings {
  readonly codeRoot: string;
  readonly loaded: LoadedSkills;
  /** Who types. */
  readonly actor: Actor;
  /** The folder of `--root`, as it was typed. */
  readonly root: string | undefined;
  /** Opens the instance that is meant; a Failure where there is none. */
  open(logger?: Logger, tolerateBroken?: boolean): Instance;
  /** The folder of the instance that is meant; a Failure where there is none. */
  findRoot(): string;
  /** A sentence for the person, beside the answer. */
  tell(message: string): void;
}

/** An answer to be shown: as a view to people, as JSON to scripts. */
export interface Answer {
  readonly output: object;
  readonly view: View;
  /** True of a bad answer; the shell gets exit code 1. */
  readonly isFailure?: boolean;
}

type Described = Pick<Tool, 'name' | 'title' | 'description' | 'examples' | 'positionals'>;

/** One verb. It answers, or has shown everything already and returns the exit code. */
export interface OwnVerb extends Described {
  readonly input: z.ZodObject;
  run(surroundings: Surroundings, input: unknown): Promise<Answer | number>;
}

/** Makes a verb of its description; what was typed is held against its schema first. */
export function ownVerb<Input extends z.ZodObject>(
  spec: Omit<Described, 'positionals'> & {
    readonly input: Input;
    readonly positionals?: readonly (keyof z.infer<Input> & string)[];
    run(surroundings: Surroundings, input: z.infer<Input>): Promise<Answer | number>;
  },
): OwnVerb {
  return {
    ...spec,
    run: (surroundings, input) => {
      const parsed = spec.input.safeParse(input);
      if (parsed.success) return spec.run(surroundings, parsed.data);
      const what = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
      throw new Failure(
        'usage',
        `'${spec.name}' was called with words it cannot use: ${what.join('; ')}.`,
        `See: understudy ${spec.name} --help`,
      );
    },
  };
}
