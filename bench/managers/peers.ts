// The peers of this machine: who takes part, in which version, and why somebody does not.

import type { Peer } from './manager.ts';
import { pm2 } from './pm2.ts';
import { runit } from './runit.ts';
import { s6 } from './s6.ts';
import { supervisord } from './supervisord.ts';

const all: readonly Peer[] = [s6, runit, supervisord, pm2];

/** Those that can be measured here, and a sentence about each. */
export interface Peers {
  readonly present: readonly Peer[];
  readonly notes: readonly string[];
}

/** Looks for the peers; pm2 is fetched when it is not there yet. */
export function findPeers(): Peers {
  const found = all.map((peer) => ({ peer, result: peer.find() }));
  return {
    present: found.filter(({ result }) => 'version' in result).map(({ peer }) => peer),
    notes: found.map(({ peer, result }) =>
      'version' in result ? `${peer.name} ${result.version}` : `${peer.name}: skipped, ${result.missing}`,
    ),
  };
}
