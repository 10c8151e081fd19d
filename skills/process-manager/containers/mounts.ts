// The folders of a bot that outlive its containers.

import { posix } from 'node:path';
import type { ContainerPlan } from '../processes/index.ts';
import { hashOf, type Instance, labels } from './names.ts';

/** A volume for each folder that is kept, with the same name for every run. */
export function volumesFor(instance: Instance, bot: string, plan: ContainerPlan, workFolder: string) {
  return plan.keep.map((path) => {
    const target = posix.resolve(workFolder, path);
    return {
      Type: 'volume' as const,
      Source: instance.nameFor(bot, hashOf(target).slice(0, 8)),
      Target: target,
      ReadOnly: false,
      Consistency: 'default' as const,
      VolumeOptions: {
        NoCopy: false,
        Labels: { [labels.instance]: instance.id, [labels.bot]: bot },
        DriverConfig: { Name: plan.volumeDriver, Options: sorted(plan.volumeOptions) },
      },
    };
  });
}

/** Equal options are written down in one way. */
function sorted(options: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(options).sort(([one], [other]) => (one < other ? -1 : 1)));
}
