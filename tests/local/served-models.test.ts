import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import { approve, readApprovals } from '../../src/local/approvals.ts';
import { locateConfigDirectory } from '../../src/local/config-directory.ts';
import { readHostModels } from '../../src/local/host-models.ts';
import {
  selectServedModels,
  unknownOnly,
  type ServedModelsInput,
} from '../../src/local/served-models.ts';
import { decodeModels } from '../../src/protocol/decode-models.ts';
import { buildSources, startChild, tempDirectory } from './run-child.ts';
import { fixIs } from '../support/fix.ts';

const none = decodeModels('');
const shared = decodeModels(
  'models:\n  opus: {adapter: claude}\n  echo: {adapter: command, command: [cat]}\n',
);

function select(given: Partial<ServedModelsInput>): Readonly<Record<string, string>> {
  const offers = selectServedModels({
    transport: shared,
    host: none,
    hostFile: 'models.yaml',
    approvals: new Map(),
    only: null,
    adapters: ['claude', 'command'],
    ...given,
  });
  return Object.fromEntries(
    offers.map(({ name, source, state }) => [name, `${source} ${state.kind}`]),
  );
}

function hashOf(name: string, file = shared): string {
  return file.models.get(name)!.hash;
}

describe('the models of a host', () => {
  it('from the transport are served only when that exact entry was approved', () => {
    expect(select({})).toEqual({ echo: 'transport unapproved', opus: 'transport unapproved' });
    expect(select({ approvals: new Map([['opus', hashOf('opus')]]) })).toEqual({
      echo: 'transport unapproved',
      opus: 'transport served',
    });
  });

  it('let a checkout run code when the host says so, never when the transport does', () => {
    const trusting = decodeModels('models:\n  opus: {adapter: claude, trust-checkout: true}\n');
    const trusts = (given: Partial<ServedModelsInput>): unknown =>
      selectServedModels({
        transport: none,
        host: none,
        hostFile: 'models.yaml',
        approvals: new Map([['opus', hashOf('opus', trusting)]]),
        only: null,
        adapters: ['claude'],
        ...given,
      }).map(({ entry, state }) => [state.kind, entry?.trustCheckout]);
    expect(trusts({ transport: trusting })).toEqual([['served', false]]);
    expect(trusts({ host: trusting })).toEqual([['served', true]]);
  });

  it('are unapproved again when any key of the entry changed', () => {
    const approvals = new Map([['echo', hashOf('echo')]]);
    const changed = decodeModels(
      'models:\n  echo: {adapter: command, command: [cat], env: [HOME]}\n',
    );
    expect(select({ transport: changed, approvals })).toEqual({
      echo: 'transport changed-since-approval',
    });
    const offers = selectServedModels({
      transport: changed,
      host: none,
      hostFile: 'models.yaml',
      approvals,
      only: null,
      adapters: ['command'],
    });
    expect(offers[0]?.state).toEqual({
      kind: 'changed-since-approval',
      model: 'echo',
    });
  });

  it('an approval of one name does not serve the same entry under another', () => {
    const transport = decodeModels('models:\n  other: {adapter: claude}\n');
    expect(hashOf('other', transport)).toBe(hashOf('opus'));
    expect(select({ transport, approvals: new Map([['opus', hashOf('opus')]]) })).toEqual({
      other: 'transport unapproved',
    });
  });

  it("of the host's own file need no approval and win", () => {
    const host = decodeModels(
      'models:\n  opus: {adapter: command, command: [mine]}\n  local: {adapter: claude}\n',
    );
    expect(select({ host })).toEqual({
      echo: 'transport unapproved',
      local: 'host served',
      opus: 'host served',
    });
  });

  it('broken ones are invalid, and a broken one of the host hides the one it overrules', () => {
    const host = decodeModels('models:\n  opus: {adapter: claude, timeout: never}\n');
    expect(select({ host, approvals: new Map([['opus', hashOf('opus')]]) })).toMatchObject({
      opus: 'host invalid',
    });
    const transport = decodeModels(
      'models:\n  bad: {adapter: claude, colour: red, timeout: never}\n  good: {adapter: claude}\n',
    );
    expect(select({ transport })).toEqual({
      bad: 'transport invalid',
      good: 'transport unapproved',
    });
    const [bad] = selectServedModels({
      transport,
      host: none,
      hostFile: 'models.yaml',
      approvals: new Map(),
      only: null,
      adapters: ['claude'],
    });
    const { line, found, expected } = transport.problems[0]!;
    expect(bad?.state).toEqual({
      kind: 'invalid',
      model: 'bad',
      file: 'data/models.yaml',
      line,
      found,
      expected,
    });
  });

  it('with an adapter that this version does not have are invalid, with those it has', () => {
    const offers = selectServedModels({
      transport: shared,
      host: none,
      hostFile: 'models.yaml',
      approvals: new Map(),
      only: null,
      adapters: ['command'],
    });
    const opus = offers.find(({ name }) => name === 'opus');
    expect(opus?.state).toMatchObject({
      kind: 'invalid',
      line: 2,
      found: 'adapter "claude"',
      expected: 'one of command',
    });
  });

  it('not named by --only are excluded, and a name that nobody has is found out', () => {
    const approvals = new Map(['opus', 'echo'].map((name) => [name, hashOf(name)]));
    expect(select({ only: ['echo'], approvals })).toEqual({
      echo: 'transport served',
      opus: 'transport excluded',
    });
    const offers = selectServedModels({
      transport: shared,
      host: none,
      hostFile: 'models.yaml',
      approvals,
      only: ['ehco'],
      adapters: ['claude', 'command'],
    });
    expect(unknownOnly(['ehco', 'opus'], offers)).toEqual(['ehco']);
    expect(unknownOnly(null, offers)).toEqual([]);
  });
});

const APPROVER = `
  const { approve } = await load('local/approvals.js');
  const { locateConfigDirectory } = await load('local/config-directory.js');
  const { systemClock } = await load('base/clock.js');
  const { systemRandom } = await load('base/random.js');
  for (const turn of [0, 1, 2]) {
    const entries = [{ name: args[1] + turn, hash: 'h' }];
    await approve(locateConfigDirectory({ CROSSTALK_CONFIG_DIR: args[0] }), { transport: 't', entries }, { clock: systemClock, random: systemRandom });
  }
  await say('approved');
  process.exit(0);`;

const parts = { clock: systemClock, random: systemRandom };

describe('approvals', () => {
  async function directory() {
    return locateConfigDirectory({ CROSSTALK_CONFIG_DIR: join(await tempDirectory(), 'config') });
  }

  it('are kept by transport and name, in a private file', async () => {
    const config = await directory();
    expect(await readApprovals(config, 't1')).toEqual(new Map());
    await approve(config, { transport: 't1', entries: [{ name: 'opus', hash: 'h1' }] }, parts);
    await approve(config, { transport: 't2', entries: [{ name: 'opus', hash: 'h2' }] }, parts);
    await approve(
      config,
      {
        transport: 't1',
        entries: [
          { name: 'echo', hash: 'h3' },
          { name: 'opus', hash: 'h4' },
        ],
      },
      parts,
    );
    expect(await readApprovals(config, 't1')).toEqual(
      new Map(Object.entries({ echo: 'h3', opus: 'h4' })),
    );
    expect(await readApprovals(config, 't2')).toEqual(new Map([['opus', 'h2']]));
    expect((await stat(config.approvalsFile)).mode & 0o777).toBe(0o600);
  });

  it.each([
    '{',
    '[]',
    '{"version":2,"transports":{}}',
    '{"version":1,"transports":{"t":{"opus":true}}}',
  ])(
    'that are damaged (%s) approve nothing, are not overwritten, and say what to do',
    async (text) => {
      const config = await directory();
      await approve(config, { transport: 't', entries: [] }, parts);
      await writeFile(config.approvalsFile, text);
      const refused = {
        code: 'CONFIG_INVALID',
        fix: fixIs(/crosstalkd allow/),
      };
      await expect(readApprovals(config, 't')).rejects.toMatchObject(refused);
      await expect(
        approve(config, { transport: 't', entries: [{ name: 'a', hash: 'b' }] }, parts),
      ).rejects.toMatchObject(refused);
      expect(await readFile(config.approvalsFile, 'utf8')).toBe(text);
    },
  );

  it('that several commands give at the same moment are all kept', async () => {
    const built = await buildSources(
      'local/approvals.ts',
      'local/config-directory.ts',
      'base/clock.ts',
      'base/random.ts',
    );
    onTestFinished(() => rm(built, { recursive: true, force: true }));
    const config = await directory();
    const children = ['a', 'b', 'c', 'd', 'e'].map((name) =>
      startChild(built, { code: APPROVER, args: [config.path, name], waits: true }),
    );
    for (const child of children) expect(await child.nextLine()).toBe('ready');
    for (const child of children) child.say('go');
    for (const child of children) expect(await child.nextLine()).toBe('approved');
    const names = ['a', 'b', 'c', 'd', 'e'].flatMap((name) => [`${name}0`, `${name}1`, `${name}2`]);
    expect([...(await readApprovals(config, 't')).keys()]).toEqual(names);
  });

  it("the host's own models.yaml is read beside them, or is empty", async () => {
    const config = await directory();
    expect((await readHostModels(config)).models.size).toBe(0);
    await approve(config, { transport: 't', entries: [] }, parts);
    await writeFile(config.modelsFile, 'models:\n  echo: {adapter: command, command: [cat]}\n');
    expect([...(await readHostModels(config)).models.keys()]).toEqual(['echo']);
  });
});
