export { isAlive, type ProcessIdentity } from './identity.ts';
