export { isAlive, type ProcessIdentity, startOf } from './identity.ts';
