export { removeIfThere } from './files.ts';
export {
  findByVariable,
  groupMembers,
  isAlive,
  isStopped,
  type ProcessIdentity,
  parentOf,
  startOf,
} from './identity.ts';
export { waitUntil } from './wait.ts';
