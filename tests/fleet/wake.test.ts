/**
 * What wakes a real dispatcher whose own pace would let it sleep for ten minutes: each test would
 * run into its limit without it.
 */
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ROOT } from '../docs/page.ts';
import { type Fleet, type Host, startFleet } from '../support/fleet.ts';

const LIMIT_MS = 180_000;
const SECRET = 'a secret of some length';
let fleet: Fleet | null = null;
afterEach(() => fleet?.close());

async function start(env: Readonly<Record<string, string>> = {}): Promise<Fleet> {
  fleet = await startFleet(
    'models:\n  echo: { adapter: command, command: [cat], effects: none }\n',
    {
      CROSSTALK_WAKE_SECRET: SECRET,
      ...env,
    },
  );
  return fleet;
}

const DEAF = { CROSSTALK_WATCH: 'false' };
const SLOW = ['--interval', '600'];

function letter(to = 'echo'): string {
  return `---\nto: ${to}\n---\nHello\n`;
}

/** A host that has looked and rests. */
async function rested(host: Host): Promise<Host> {
  await host.until(({ event }) => event === 'models.loaded');
  return host;
}

function answered(host: Host, name: string): Promise<unknown> {
  return host.until(
    ({ event, message }) => event === 'reply.published' && String(message).includes(`${name}.md`),
  );
}

async function addressOf(host: Host): Promise<string> {
  const { where } = await host.until(({ event }) => event === 'wake.listening');
  return String(where);
}

/** A PATH of what the hook needs and one of the two programs that it can call with. */
function makePath(place: string, program: string): string {
  const bin = join(place, 'bin');
  mkdirSync(bin);
  for (const name of ['sh', 'git', 'cat', ...(program === 'curl' ? ['curl'] : [])]) {
    const folder = (process.env['PATH'] ?? '')
      .split(':')
      .find((each) => existsSync(join(each, name)));
    symlinkSync(join(folder ?? '/usr/bin', name), join(bin, name));
  }
  // Not every system has nc: what the hook asks of it is done by a program of the test.
  const script = `import { connect } from 'node:net';\nconst [, , , , host, port] = process.argv;\nprocess.stdin.pipe(connect(Number(port), host)).resume();\n`;
  writeFileSync(join(bin, 'nc.mjs'), script);
  if (program === 'nc')
    writeFileSync(
      join(bin, 'nc'),
      `#!/bin/sh\nexec '${process.execPath}' '${join(bin, 'nc.mjs')}' "$@"\n`,
      { mode: 0o755 },
    );
  return bin;
}

describe('a resting dispatcher is woken', () => {
  it(
    'by a push to a remote on its own file system, again and again, also when its refs are packed',
    async () => {
      const { say, git, remote } = await start();
      const host = await rested(fleet!.start('one', SLOW));
      await host.until(({ event }) => event === 'remote.watched');
      for (const name of ['first', 'second']) {
        say({ [`data/channels/general/${name}.md`]: letter() });
        await answered(host, name);
        git('-C', remote, 'pack-refs', '--all');
        git('pull', '-q', '--rebase');
      }
    },
    LIMIT_MS,
  );

  it(
    'by send on the same host, through its control socket',
    async () => {
      const { run, clone, place } = await start(DEAF);
      const host = await rested(fleet!.start('one', SLOW));
      const sent = await run([
        'send',
        '-C',
        clone,
        '--state',
        join(place, 'state-one'),
        '--to',
        'echo',
        '-m',
        'Hello',
      ]);
      expect(sent.code, sent.stderr).toBe(0);
      await host.until(({ event }) => event === 'reply.published');
    },
    LIMIT_MS,
  );

  it(
    'by the webhook of a forge, and not by one that is not signed',
    async () => {
      const { say } = await start(DEAF);
      const host = await rested(fleet!.start('one', [...SLOW, '--listen', '0']));
      const url = `http://${await addressOf(host)}/wake`;
      say({ 'data/channels/general/hook.md': letter() });
      const body = '{"ref":"refs/heads/other","commits":[]}';
      expect((await fetch(url, { method: 'POST', body })).status).toBe(401);
      await host.until(({ event }) => event === 'wake.refused');
      const signature = createHmac('sha256', SECRET).update(body).digest('hex');
      expect(
        (
          await fetch(url, {
            method: 'POST',
            body,
            headers: { 'X-Hub-Signature-256': `sha256=${signature}` },
          })
        ).status,
      ).toBe(202);
      await answered(host, 'hook');
    },
    LIMIT_MS,
  );

  it.each(['curl', 'nc'])(
    'by the post-receive hook of the template with %s',
    async (program) => {
      const { git, remote, place, env, clone } = await start(DEAF);
      const host = await rested(fleet!.start('one', [...SLOW, '--listen', '0']));
      mkdirSync(join(remote, 'hooks'), { recursive: true });
      copyFileSync(join(ROOT, 'template/hooks/post-receive'), join(remote, 'hooks/post-receive'));
      git('-C', remote, 'config', '--add', 'crosstalk.wake', await addressOf(host));
      git('-C', remote, 'config', 'crosstalk.wakeSecretFile', join(place, 'secret'));
      writeFileSync(join(place, 'secret'), `${SECRET}\n`, { mode: 0o600 });
      const bin = makePath(place, program);
      mkdirSync(join(clone, 'data/channels/general'), { recursive: true });
      writeFileSync(join(clone, 'data/channels/general/pushed.md'), letter());
      git('add', '-A');
      git('commit', '-qm', 'pushed');
      execFileSync('git', ['push', '-q'], { cwd: clone, env: { ...env, PATH: bin } });
      await answered(host, 'pushed');
    },
    LIMIT_MS,
  );

  it(
    'by another host that has published something, when both operators allow it',
    async () => {
      await start(DEAF);
      const { run, clone, place } = fleet!;
      const second = await rested(fleet!.start('second', [...SLOW, '--listen', '0']));
      const at = await addressOf(second);
      second.kill('SIGTERM');
      await second.ended;
      const listening = fleet!.start('third', [...SLOW, '--listen', at], {
        CROSSTALK_WAKE_ADDRESS: at,
      });
      await rested(listening);
      const first = await rested(
        fleet!.start('first', SLOW, { CROSSTALK_WAKE_PEERS: '127.0.0.0/8' }),
      );
      const sent = await run([
        'send',
        '-C',
        clone,
        '--state',
        join(place, 'state-first'),
        '--to',
        'echo@third',
        '-m',
        'Hello',
      ]);
      expect(sent.code, sent.stderr).toBe(0);
      await listening.until(({ event }) => event === 'reply.published');
      expect(first.events.map(({ event }) => event)).not.toContain('message.claimed');
    },
    LIMIT_MS,
  );
});

describe('a place where others can call', () => {
  it(
    'is refused without a secret',
    async () => {
      const { run, remote, place } = await start({ CROSSTALK_WAKE_SECRET: '' });
      const ended = await run([
        'run',
        remote,
        '--state',
        join(place, 's'),
        '--listen',
        '0.0.0.0:0',
      ]);
      expect(ended.code).toBe(2);
      expect(ended.stdout + ended.stderr).toMatch(/CONFIG_INVALID[^]*no secret[^]*wake-secret/);
    },
    LIMIT_MS,
  );
});
