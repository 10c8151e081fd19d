export { isAbandoned, renameDurably, replaceDurably, syncFolder } from './durable.ts';
export { isOpen, removeIfThere } from './files.ts';
export {
  carriersOf,
  findByVariable,
  groupMembers,
  isAlive,
  isFromEarlierBoot,
  isStopped,
  type ProcessIdentity,
  parentOf,
  startOf,
} from './identity.ts';
export { cpuBetween, type Usage, usageOfGroups } from './usage.ts';
export { waitUntil } from './wait.ts';
