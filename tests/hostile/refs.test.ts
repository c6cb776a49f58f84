/**
 * Claims, beats and control that are garbage or forged: denial of service at most, and only to the
 * message they name. FAULTS §2 and case 48 of its threat model.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatClaim } from '../../src/protocol/claim.ts';
import { claimKey } from '../../src/protocol/paths.ts';
import { agentEntry, type Fleet, type Host, startFleet } from '../support/fleet.ts';
import { ask, askJson, eventsOf, oneMoreAnswer, peakMiB, untilHost } from '../support/hostile.ts';
import { oidOf } from '../support/git-fixture.ts';
import { createPlanter, type Planter } from '../support/plant.ts';

const FAST = { CROSSTALK_LEASE: '3s', CROSSTALK_BEAT: '1s', CROSSTALK_LEASE_MARGIN: '500ms' };
const GENERAL = 'data/channels/general';
const ODD = '\u001b[31m\u009b2J\u202e\u0000'.replace('\u0000', '');

let fleet: Fleet;
let host: Host;
let planter: Planter;
beforeAll(async () => {
  const script = '#!/bin/sh\necho seen';
  fleet = await startFleet(
    (place) =>
      `models:\n${agentEntry('echo', { place, script })}${agentEntry('once', { place, script, keys: 'effects: external' })}`,
    FAST,
  );
  planter = createPlanter(fleet.remote, fleet.env);
  plantGarbage();
  host = fleet.start('a', ['--concurrency', '8']);
  await oneMoreAnswer(host, planter.write);
});
afterAll(() => fleet.close());

const keyOf = (name: string, recipient = 'echo'): string =>
  claimKey({ channel: 'general', identity: name, recipient });
const setRef = (name: string, oid: string): string =>
  planter.git(['update-ref', `refs/crosstalk/${name}`, oid]);
const refs = (): string => planter.git(['for-each-ref', '--format=%(refname)', 'refs/crosstalk']);

function forge(name: string, fields: Readonly<Record<string, unknown>>): void {
  const path = `${GENERAL}/${name}.md`;
  const oid = planter.write({ [path]: `---\nto: echo\n---\n${name}\n` });
  const claim = formatClaim({
    message: path,
    blob: oidOf(planter.git(['rev-parse', `${oid}:${path}`])),
    recipient: 'echo',
    alias: 'a',
    instance: '0123456789ab',
    run: '0123456789abcdef',
    attempt: 1,
    nonce: 'aaaaaaaaaaaaaaaa',
    effects: 'none',
  });
  setRef(
    `claims/${keyOf(name)}`,
    planter.record(JSON.stringify({ ...(JSON.parse(claim) as object), ...fields })),
  );
}

function plantGarbage(): void {
  const blob = planter.blob(`not a commit ${ODD}`);
  const tree = planter.git(['mktree']);
  const good = planter.record('x');
  const tag = planter.git(
    ['mktag'],
    `object ${good}\ntype commit\ntag t\ntagger M <m@example.org> 1700000000 +0000\n\n${ODD}\n`,
  );
  const huge = planter.record('x'.repeat(20 * 1024 * 1024));
  const records = {
    blob,
    tree,
    tag,
    huge,
    json: planter.record('{"v":1}'),
    text: planter.record(ODD),
    future: planter.record('{"v":99}'),
    list: planter.record('[]'),
  };
  for (const [name, oid] of Object.entries(records)) {
    setRef(`claims/${name}`, oid);
    setRef(`claims/${keyOf(`free-${name}`)}`, oid);
    setRef(`hosts/mallory.${Buffer.from(name.padEnd(8)).toString('hex')}`, oid);
    setRef(`hosts/${name}`, oid);
    setRef(`control/${name}`, oid);
  }
  setRef(
    'control/all',
    planter.record(`{"v":1,"op":"rm -rf","by":"${ODD.replace('\u001b', '\\u001b')}"}`),
  );
  setRef(
    `hosts/liar.0123456789abcdef`,
    planter.record(
      JSON.stringify({
        v: 1,
        alias: 'liar',
        instance: '0123456789abcdef',
        run: '0123456789abcdef',
        state: 'running',
        slots: 1e99,
        busy: -5,
        version: ODD,
        models: ['echo', ODD, '../x'],
        blocked: [{ model: 'echo', why: ODD, untilMs: 1e300 }],
        atMs: 1e300,
      }),
    ),
  );
  // A name below that of a claim: git can then make no ref of that name.
  setRef(`claims/${keyOf('shadowed')}/x`, good);
}

describe('refs full of garbage', () => {
  it('delay no message that they do not name, not even one that is new', async () => {
    for (let times = 0; times < 3; times += 1) await oneMoreAnswer(host, planter.write);
    expect(eventsOf(host, 'tick.broken', 'stderr', 'remote.unreachable', 'beat.failed')).toEqual(
      [],
    );
    expect(peakMiB(host.pid)).toBeLessThan(300);
  });

  it('on the key of a message hold it up for one lease, are then removed, and are told of once', async () => {
    const names = ['blob', 'tree', 'tag', 'huge', 'json', 'text'].map((name) => `free-${name}`);
    planter.write(
      Object.fromEntries(
        names.map((name) => [`${GENERAL}/${name}.md`, `---\nto: echo\n---\n${name}\n`]),
      ),
    );
    await untilHost(host, () =>
      names.every((name) =>
        eventsOf(host, 'reply.published').some(
          ({ message }) => message === `${GENERAL}/${name}.md`,
        ),
      ),
    );
    const told = eventsOf(host, 'claim.removed').map(({ ref }) => ref);
    expect(new Set(told).size).toBe(told.length);
    await untilHost(host, () => !/claims/.test(refs().replaceAll(/.*shadowed.*/g, '')));
  });

  it('with a name below that of a claim rest only that claim, and not its model', async () => {
    setRef(`claims/${keyOf('shadowed')}/x`, planter.record('x'));
    planter.write({ [`${GENERAL}/shadowed.md`]: '---\nto: echo\n---\nx\n' });
    // A model that rests would be away for minutes.
    for (let times = 0; times < 2; times += 1) await oneMoreAnswer(host, planter.write);
    await untilHost(host, () =>
      eventsOf(host, 'reply.published').some(({ message }) => message === `${GENERAL}/shadowed.md`),
    );
  });

  it('that claim in the name of others run nothing on their own: they expire, and the message is answered once', async () => {
    const forged = {
      plain: {},
      elsewhere: { message: `${GENERAL}/../../../etc/passwd` },
      'other-recipient': { recipient: 'once' },
      'late-attempt': { attempt: 3 },
      'claims-external': { effects: 'external' },
    };
    for (const [name, fields] of Object.entries(forged)) forge(name, fields);
    await untilHost(host, () =>
      Object.keys(forged).every((name) =>
        eventsOf(host, 'reply.published', 'host.lost').some(
          ({ message }) => message === `${GENERAL}/${name}.md`,
        ),
      ),
    );
    await untilHost(host, () => !refs().includes('claims'));
    const runs = fleet.agentRuns();
    for (const name of Object.keys(forged))
      expect(runs.filter((line) => line.endsWith(`/${name}.md`)).length, name).toBeLessThanOrEqual(
        1,
      );
    expect(runs.some((line) => line.startsWith('once '))).toBe(false);
    expect(existsSync(join(fleet.place, 'EXECUTED'))).toBe(false);
  });

  it('show as text in every command that tells of hosts and claims', async () => {
    for (const args of [
      ['status'],
      ['hosts'],
      ['why', 'echo'],
      ['why', 'mallory'],
      ['doctor'],
      ['why', `${GENERAL}/plain.md`],
    ]) {
      await ask(fleet, 'a', args);
      await askJson(fleet, 'a', args);
    }
  });

  it('leave the history as it should be', async () => {
    expect(await askJson(fleet, 'a', ['verify'])).toMatchObject({ ok: true });
  });
});
