export { removeIfThere } from './files.ts';
export {
  carriersOf,
  findByVariable,
  groupMembers,
  isAlive,
  isStopped,
  type ProcessIdentity,
  parentOf,
  startOf,
} from './identity.ts';
export { waitUntil } from './wait.ts';
