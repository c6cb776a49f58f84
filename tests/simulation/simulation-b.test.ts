/** The other half of the seeds: see simulation.test.ts. */
import { describeShard } from './shard.ts';

describeShard(1, 2);
