import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { desktopCommand, formatMail } from '../../src/cli/begin/deliver-notice.ts';
import { noticeOfEvent, noticeOfNeed } from '../../src/cli/begin/notify.ts';
import { decodeNotify } from '../../src/local/notify-settings.ts';
import { beatName, formatBeat } from '../../src/protocol/beat.ts';
import { formatClaim } from '../../src/protocol/claim.ts';
import { claimKey } from '../../src/protocol/paths.ts';
import { type Cli, letter, startCli } from '../support/cli.ts';
import { untilTrue } from '../support/fleet.ts';
import { oidOf } from '../support/git-fixture.ts';
import { createPlanter } from '../support/plant.ts';
import type { Reason } from '../../src/protocol/reason.ts';
import { REASONS } from '../support/reasons.ts';

const SECRET = 'what was asked is nobody else’s business';
const MODELS = `models:
  echo: { adapter: command, command: [cat], effects: none, options: { input: message } }
  broken: { adapter: command, command: [sh, -c, "echo no >&2; exit 1"], effects: none, attempts: 1 }
`;

describe('notify:', () => {
  let cli: Cli;
  beforeEach(async () => (cli = await startCli({ models: MODELS })));
  afterEach(() => cli.close());

  const configure = (notify: unknown): void =>
    writeFileSync(join(cli.place, 'config', 'config.yaml'), `notify: ${JSON.stringify(notify)}\n`);
  const heard = (): string =>
    existsSync(join(cli.place, 'heard')) ? readFileSync(join(cli.place, 'heard'), 'utf8') : '';
  /** From anywhere, by the address alone: as a service does. */
  const once = (): ReturnType<Cli['run']> =>
    cli.run(['run', cli.remote, '--once'], { cwd: cli.place });
  const listen = (): readonly string[] => [
    'sh',
    '-c',
    `{ echo "== $CROSSTALK_NOTICE_KIND"; cat; } >> "${cli.place}/heard"`,
  ];

  it('tells once of what failed for good and of what needs a person, also over restarts, and never the text', async () => {
    configure([{ command: listen() }]);
    cli.say({
      'data/channels/general/a.md': letter('broken', SECRET),
      'data/channels/general/b.md': letter('nobodi', SECRET),
      'data/channels/general/c.md': letter('echo', SECRET),
    });
    expect((await once()).code).toBe(0);
    const first = heard();
    expect(first.match(/^== .*/gm)?.sort()).toEqual(['== failed', '== needs-person']);
    expect(first).toContain('broken has no answer to');
    expect(first).toContain('nobodi');
    expect(first).toMatch(/^crosstalkd why /m);
    expect(first).not.toContain(SECRET);
    expect((await once()).code).toBe(0);
    expect(heard()).toBe(first);
    cli.say({ 'data/channels/general/d.md': letter('broken', SECRET) });
    expect((await once()).code).toBe(0);
    expect(
      heard()
        .slice(first.length)
        .match(/^== .*/gm),
    ).toEqual(['== failed']);
  });

  it('a shell finds nothing to run in what a stranger wrote', async () => {
    const argv = ['sh', '-c', `cat >> "${cli.place}/heard"`];
    configure([{ command: argv }, { mail: 'ada@example.org', command: argv }]);
    cli.say({
      'data/channels/general/$(touch x);`touch y`.md': letter('broken', 'x'),
      'data/channels/general/b.md': '---\nto: [\n---\n$(touch z)\n',
    });
    expect((await once()).code).toBe(0);
    expect(heard()).toContain('$(touch x)');
    expect(heard()).toContain('To: ada@example.org\nSubject: ');
    for (const name of ['x', 'y', 'z']) expect(existsSync(join(cli.clone, name))).toBe(false);
  });

  it('a webhook gets JSON; only: keeps the rest away from it', async () => {
    const bodies: string[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (text: string) => (body += text));
      request.on('end', () => {
        bodies.push(body);
        response.end();
      });
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    try {
      configure([
        {
          webhook: `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`,
          only: ['failed'],
        },
      ]);
      cli.say({
        'data/channels/general/a.md': letter('broken', SECRET),
        'data/channels/general/b.md': letter('nobodi', SECRET),
      });
      expect((await once()).code).toBe(0);
    } finally {
      await new Promise((done) => server.close(done));
    }
    expect(bodies.map((body) => JSON.parse(body) as unknown)).toEqual([
      expect.objectContaining({
        kind: 'failed',
        title: expect.stringContaining('broken') as string,
        fix: expect.stringMatching(/^crosstalkd why/) as string,
      }),
    ]);
  });

  it('what cannot be delivered is logged once, holds nothing up, and comes when the way works again', async () => {
    configure([{ command: ['no-such-program'] }, { webhook: 'http://127.0.0.1:9/' }]);
    cli.say({
      'data/channels/general/a.md': letter('broken', 'x'),
      'data/channels/general/b.md': letter('nobodi', 'x'),
    });
    const ended = await once();
    expect(ended.code).toBe(0);
    const failures = ended.stdout.split('\n').filter((line) => line.includes('notify.failed'));
    expect(failures.map((line) => (JSON.parse(line) as { way: string }).way)).toEqual([
      'command no-such-program',
      'webhook at 127.0.0.1:9',
    ]);
    configure([{ command: listen() }]);
    expect((await once()).code).toBe(0);
    expect(heard()).toContain('nobodi');
  });

  it('tells of a budget that is reached, and of a host that is gone', async () => {
    configure([{ command: listen() }]);
    const planter = createPlanter(cli.remote, cli.env);
    const [asked, at] = ['data/channels/general/lost.md', new Date().toISOString()];
    const tip = planter.write({
      'data/models.yaml': `${MODELS}  costly: { adapter: command, command: [cat], effects: none }\n`,
      'data/budgets.yaml': 'models:\n  costly: { usd-per-day: 1 }\n',
      'data/channels/general/paid.md': letter('costly', 'x'),
      'data/channels/general/paid.re.costly.md': `---\nto: ada\nfrom: costly\nmodel: costly\ntimestamp: ${at}\ncost_usd: 2\n---\nx\n`,
      [asked]: letter('echo', SECRET),
    });
    // A host that served it beats no more: its claim lapses, and the work is taken over.
    const far = { alias: 'far', instance: '0123456789ab', run: '0123456789abcdef' };
    const beat = formatBeat({
      ...far,
      count: 1,
      version: '8.0.0',
      state: 'running',
      slots: 4,
      busy: 1,
      models: ['echo'],
      blocked: [],
      pollMs: null,
      wake: null,
      atMs: Date.parse(at),
    });
    planter.git(['update-ref', `refs/crosstalk/hosts/${beatName(far)}`, planter.record(beat)]);
    const claim = formatClaim({
      ...far,
      message: asked,
      blob: oidOf(planter.git(['rev-parse', `${tip}:${asked}`])),
      recipient: 'echo',
      attempt: 1,
      nonce: 'aaaaaaaaaaaaaaaa',
      effects: 'none',
    });
    const key = claimKey({ channel: 'general', identity: 'lost', recipient: 'echo' });
    planter.git(['update-ref', `refs/crosstalk/claims/${key}`, planter.record(claim)]);
    expect((await cli.run(['allow', '--all'])).code).toBe(0);
    const running = cli.start(['run', '--interval', '0.3'], {
      CROSSTALK_LEASE: '4s',
      CROSSTALK_BEAT: '1s',
      CROSSTALK_LEASE_MARGIN: '500ms',
    });
    await untilTrue(() => heard().includes('== host-gone') && heard().includes('== budget'));
    expect(await running.stop()).toMatchObject({ code: 0 });
    expect(heard()).toContain('costly stops at its budget');
    expect(heard()).toMatch(/host far went silent while it ran echo/);
    expect(heard().match(/^== (budget|host-gone)$/gm)).toHaveLength(2);
    expect(heard()).not.toContain(SECRET);
  });

  it('a run that waits for a person is told of by a dispatcher that continues', async () => {
    configure([{ command: listen() }]);
    const running = cli.start(['run', '--interval', '1']);
    await running.until('models.loaded');
    const flow =
      '---\nto: workflow\ntype: workflow\nsteps:\n  ok: { ask: { title: "Go?", kind: approve } }\n---\n';
    cli.say({ 'data/channels/general/go.md': flow });
    await untilTrue(() => heard().includes('== needs-person'));
    expect(await running.stop()).toMatchObject({ code: 0 });
    expect(heard()).toMatch(/gate/);
  });
});

describe('what is told', () => {
  const event = (name: string, fields: Readonly<Record<string, string | boolean>>) =>
    noticeOfEvent({ event: name, level: 'alert', fields });

  it('a budget that is reached, a host that is gone, nothing that went well', () => {
    expect(
      event('model.budget-reached', {
        model: 'opus',
        reason: 'used 2 of 2 USD',
        fix: 'edit data/budgets.yaml',
      }),
    ).toMatchObject([{ kind: 'budget', fix: 'edit data/budgets.yaml' }]);
    const gone = event('host.lost', {
      message: 'data/channels/a/b.md',
      model: 'opus',
      host: 'far',
      reason: 'outcome unknown',
    });
    expect(gone).toMatchObject([
      { kind: 'host-gone', title: expect.stringContaining('far') as string },
    ]);
    expect(
      event('claim.taken-over', {
        message: 'data/channels/a/c.md',
        model: 'opus',
        from: 'far',
        next: 'runs here',
      })[0]?.key,
    ).toBe(gone[0]?.key);
    expect(event('reply.published', { message: 'm', model: 'opus', failed: false })).toEqual([]);
  });

  it('a need with another age or count is still the same need; what people did themselves is not one', () => {
    const need = (reason: Reason, of: string | null = null) =>
      noticeOfNeed({ reason, of, about: [], count: 3 });
    const stale = REASONS.stale;
    expect(need(stale, '3 messages to opus')[0]?.key).toBe(
      need({ ...stale, ageMs: stale.ageMs + 86_400_000 }, '4 messages to opus')[0]?.key,
    );
    expect(need(REASONS['paused-here'])).toEqual([]);
    expect(need(REASONS['run-budget'])).toMatchObject([{ kind: 'budget' }]);
  });

  it('a desktop shows what a stranger wrote as it is, not as markup, and says nothing twice', () => {
    const text = 'r: gate ok: "<img src="file:///x"> & go?" waits for ada';
    const shown = desktopCommand('linux', `crosstalkd: ${text}`, {
      kind: 'needs-person',
      title: '',
      text,
      fix: 'crosstalkd workflow approve r ok',
    });
    expect(shown).toEqual([
      'notify-send',
      '--app-name=crosstalkd',
      '--',
      `crosstalkd: ${text}`,
      'crosstalkd workflow approve r ok',
    ]);
    const failed = {
      kind: 'failed',
      title: '',
      text: 'opus has no answer to a <b>, for good: data/a <b>.md',
      fix: 'crosstalkd why a <b>',
    } as const;
    expect(
      desktopCommand('linux', 'crosstalkd: opus has no answer to a <b>, for good', failed).at(-1),
    ).toBe('data/a &lt;b&gt;.md\ncrosstalkd why a &lt;b&gt;');
  });

  it('a mail keeps any subject in ASCII and the text whole', () => {
    const mail = formatMail(
      'a@b',
      'crosstalkd: Ünïcödé → everywhere, and a bit more of it',
      'text → text\n',
    );
    expect(mail).toMatch(/^[\x20-\x7e\n]*$/);
    const [head = '', body = ''] = mail.split('\n\n');
    expect(Buffer.from(body, 'base64').toString()).toBe('text → text\n');
    const words = [...head.replace(/\n /g, '').matchAll(/=\?utf-8\?B\?([^?]*)\?=/g)].map(
      ([, word]) => Buffer.from(word ?? '', 'base64').toString(),
    );
    expect(words.join('')).toBe('crosstalkd: Ünïcödé → everywhere, and a bit more of it');
  });
});

describe('how it is written', () => {
  it.each([
    [{ desktop: 'true' }],
    [[{ command: ['a', 'b'] }, { webhook: 'https://example.org/x' }]],
    [{ webhook: 'http://localhost:1/x', only: 'failed' }],
    [{ mail: 'a@example.org', only: ['budget', 'host-gone'] }],
  ])('%j is a way', (raw) => expect(decodeNotify(raw)).toBeDefined());
  it.each([
    [{ desktop: 'yes' }],
    [{ command: 'rm -rf /' }],
    [{ command: [] }],
    [{ webhook: 'http://example.org/x' }],
    [{ webhook: 'http://127.0.0.1.example.org/' }],
    [{ webhook: 'file:///etc/passwd' }],
    [{ mail: 'a@b\nBcc: c@d' }],
    [{ desktop: 'true', only: ['everything'] }],
    [{ desktop: 'true', webhook: 'https://example.org' }],
    ['desktop'],
  ])('%j is none', (raw) => expect(decodeNotify(raw)).toBeUndefined());
});
