// Rows of calls to the remote in both paces, from the simulation: a remote of one's own, and one
// that takes six pushes a minute and eight reads a second. Virtual time, so the same on any machine.
import { HOSTED_LIMIT, withScale } from '../../load-scale.mjs';
import { few } from '../measure.mjs';

const HOUR_S = 3_600;
/** How long a push and a connection take, and how far apart hosts start. */
const REMOTE = { pushMs: 300, connectMs: 700, startMs: 10_000, concurrency: 4, seed: 1 };
const PACES = {
  own: { transport: 'pace: own\n' },
  hosted: { transport: 'pace: hosted\n', limit: HOSTED_LIMIT },
};
/** An hour each: of hosts that have nothing to do, of a few that are busy, of many. */
const HOURS = [
  { name: '8 hosts, idle', hosts: 8, messages: 1, rate: 1 / HOUR_S },
  { name: '3 hosts, 2 messages a minute', hosts: 3, messages: 120, rate: 1 / 30 },
  { name: '8 hosts, 2 messages a minute', hosts: 8, messages: 120, rate: 1 / 30 },
];

/** For each hour what it takes in the pace `own` and in the pace `hosted`. */
export async function measurePaces() {
  return withScale(async (runScale) => {
    const rows = [];
    for (const { name, ...hour } of HOURS) {
      const load = { ...hour, messages: few(hour.messages) };
      const run = (pace) => runScale({ ...REMOTE, ...load, ...pace });
      rows.push(...rowsOf(name, { own: await run(PACES.own), hosted: await run(PACES.hosted) }));
    }
    return rows;
  });
}

function rowsOf(name, { own, hosted }) {
  const isIdle = own.answered === 1;
  const row = (what, unit, pick, limit = null) => ({
    row: `… ${what}`,
    unit,
    ours: pick(own),
    hosted: pick(hosted),
    target: limit === null ? '' : `hosted ≤ ${limit}`,
    ok: limit === null || pick(hosted) <= limit,
  });
  return [
    { row: `${name}: an hour`, unit: '', target: '', ok: true },
    isIdle
      ? row('pushes an hour', '', (report) => report.allPushes.perMinute * 60, 16)
      : row('pushes a reply', '', ({ allPushes }) => allPushes.perReply, 2),
    row('pushes in the fullest minute', '', ({ most }) => most.push, 6),
    row('pushes that lost', '', ({ lostPushes }) => lostPushes),
    row('reads of the remote', '/s', ({ readsPerSecond }) => readsPerSecond, 8),
    row('reads in the fullest second', '', ({ most }) => most.read, 8),
    row('refused as too many', '', ({ refused }) => refused, 0),
    ...(isIdle ? [] : [row('from message to reply, p50', 's', (r) => r.answerMs.p50 / 1_000, 90)]),
  ];
}
