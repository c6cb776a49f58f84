import { expect, it } from 'vitest';
import { followTip } from '../../src/cli/look/follow-tip.ts';
import type { TransportSession } from '../../src/cli/session/transport-session.ts';

it('anyone who waited and was cancelled looks at the remote no more', async () => {
  const cancelled = new AbortController();
  const looks: string[] = [];
  const session = {
    traits: { customRefs: true },
    mirror: { epoch: () => 0 },
    repository: { listRefs: () => looks.push('look') },
  } as unknown as TransportSession;
  const following = followTip(session, {
    onTip: () => Promise.resolve(true),
    onOutage: () => undefined,
    untilMs: null,
    signal: cancelled.signal,
  });
  cancelled.abort();
  expect(await following).toBe('timeout');
  expect(looks).toEqual([]);
});
