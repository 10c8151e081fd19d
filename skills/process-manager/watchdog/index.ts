export { findWatchdog } from './lock.ts';
export {
  markerNames,
  readDeployInProgress,
  readDeployReady,
  readDeployReverted,
  readHeartbeat,
  sweepTemporaryMarkers,
  withdrawDeployReady,
  writeDeployReady,
  writeRestartSignal,
  writeUpgradeContext,
} from './markers.ts';
export { followRelease, type Outcome } from './outcome.ts';
export {
  type Changes,
  changesSchema,
  type Entry,
  type GateResult,
  type ReleaseRecord,
  type ReleaseState,
  readRecord,
  releaseStates,
  writeRecord,
} from './release-record.ts';
