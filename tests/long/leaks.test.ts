/** One dispatcher, 1,000 looks and 500 messages: nothing of them stays but the conversation. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { agentEntry, type Fleet, type Host, startFleet } from '../support/fleet.ts';
import { eventsOf, untilHost } from '../support/hostile.ts';

const LOOKS = 1_000;
/** 500 messages leave some 5,000 objects when nothing packs them. */
const LOOSE_AT_REST = 2_500;
/** `npm run soak` takes ten: 1,000 messages. */
const BATCHES = Number(process.env['LEAK_BATCHES'] ?? 5);
const BATCH = 100;

const places: string[] = [];
const fleets: Fleet[] = [];
afterEach(async () => {
  for (const fleet of fleets.splice(0)) await fleet.close();
  for (const place of places.splice(0)) rmSync(place, { recursive: true, force: true });
});

/** What a process and its state directory hold. */
interface Held {
  readonly rssMiB: number;
  readonly descriptors: number;
  readonly children: number;
  readonly files: number;
  /** Bytes of what agents printed; kept for a while on purpose. */
  readonly transcripts: number;
  readonly packs: number;
  readonly loose: number;
}

function listFiles(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function measure(host: Host, state: string): Held {
  const files = listFiles(state);
  const inCache = files.filter((path) => path.includes('/cache.git/objects/'));
  const kept = files.filter((path) => path.includes('/transcripts/'));
  return {
    rssMiB:
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${host.pid}/status`, 'utf8'))?.[1] ?? 0) /
      1024,
    descriptors: readdirSync(`/proc/${host.pid}/fd`).length,
    children: readFileSync(`/proc/${host.pid}/task/${host.pid}/children`, 'utf8')
      .split(' ')
      .filter(Boolean).length,
    files: files.length - inCache.length - kept.length,
    transcripts: kept.reduce((sum, path) => sum + statSync(path).size, 0),
    packs: inCache.filter((path) => path.endsWith('.pack')).length,
    loose: inCache.filter((path) => /\/[0-9a-f]{2}\/[0-9a-f]{38}$/.test(path)).length,
  };
}

it.runIf(existsSync('/proc/self/fd'))(
  `a dispatcher holds no more after ${BATCHES * BATCH} messages and 1,000 looks than after the first hundred`,
  async () => {
    const place = mkdtempSync(join(tmpdir(), 'crosstalk-leaks-'));
    places.push(place);
    const real = execFileSync('sh', ['-c', 'command -v git']).toString().trim();
    const [bin, temporary, looks] = [join(place, 'bin'), join(place, 'tmp'), join(place, 'looks')];
    for (const directory of [bin, temporary]) mkdirSync(directory);
    writeFileSync(looks, '');
    writeFileSync(
      join(bin, 'git'),
      `#!/bin/sh\ncase "$*" in *upload-pack*) echo >> ${looks} ;; esac\nexec ${real} "$@"\n`,
      { mode: 0o755 },
    );
    const agent = agentEntry('echo', { place, script: "console.log('seen');" });
    const fleet = await startFleet(`models:\n${agent}`, {
      TMPDIR: temporary,
      // A watched remote is hardly ever looked at.
      CROSSTALK_WATCH: 'false',
      PATH: `${bin}:/usr/local/bin:/usr/bin:/bin:${process.execPath.replace(/\/[^/]+$/, '')}`,
    });
    fleets.push(fleet);
    const host = fleet.start('a', ['--concurrency', '8', '--interval', '0.02']);
    const answered = (): number => eventsOf(host, 'reply.published').length;
    let sent = 0;
    const talk = async (count: number): Promise<void> => {
      const names = Array.from(
        { length: count },
        (_, index) => `data/channels/general/m${sent + index}.md`,
      );
      sent += count;
      fleet.say(Object.fromEntries(names.map((name) => [name, '---\nto: echo\n---\nhello\n'])));
      await untilHost(host, () => answered() === sent, 150_000);
    };
    await talk(BATCH);
    const id =
      readdirSync(join(fleet.place, 'state-a')).find((name) => /^[0-9a-f]{16}$/.test(name)) ?? '';
    const state = join(fleet.place, 'state-a', id);
    const atRest = (): boolean =>
      readdirSync(join(state, 'outbox')).length === 0 && readdirSync(temporary).length === 0;
    await untilHost(host, atRest);
    const before = measure(host, state);
    for (let batch = 1; batch < BATCHES; batch += 1) await talk(BATCH);
    await untilHost(host, () => statSync(looks).size >= LOOKS, 150_000);
    await untilHost(host, atRest);
    const after = measure(host, state);
    expect(after.rssMiB - before.rssMiB).toBeLessThan(80);
    // A git that asks at this moment has its pipes.
    expect(after.descriptors - before.descriptors).toBeLessThanOrEqual(12);
    expect(after.children - before.children).toBeLessThanOrEqual(3);
    expect(after.files - before.files).toBeLessThanOrEqual(4);
    expect(after.transcripts).toBeLessThan(1_000_000);
    expect(after.packs).toBeLessThan(120);
    expect(after.loose).toBeLessThanOrEqual(LOOSE_AT_REST);
    for (const folder of ['scratch', 'late'])
      expect(existsSync(join(state, folder)) ? readdirSync(join(state, folder)) : []).toEqual([]);
    const refs = execFileSync('git', ['for-each-ref', '--format=%(refname)'], { cwd: fleet.remote })
      .toString()
      .trim()
      .split('\n');
    expect(refs.map((ref) => ref.replace(/\.[0-9a-f]+$/, ''))).toEqual([
      'refs/crosstalk/hosts/a',
      'refs/heads/main',
    ]);
    expect(eventsOf(host, 'cache.unkept', 'tick.broken', 'stderr')).toEqual([]);
    host.kill('SIGTERM');
    expect(await host.ended).toBe(0);
  },
  120_000 + BATCHES * 150_000,
);
