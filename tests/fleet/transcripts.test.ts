import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agentEntry, type Fleet, startFleet, untilTrue } from '../support/fleet.ts';

const BIN = resolve(import.meta.dirname, '../../bin/crosstalkd.js');
const SECRET = 'sk-live-0123456789abcdef';
const general = 'data/channels/general';
let agents: string;
let fleet: Fleet;

beforeEach(async () => {
  agents = mkdtempSync(join(tmpdir(), 'crosstalk-agents-'));
  const script = [
    "const { existsSync } = await import('node:fs');",
    "console.log('step one');",
    "while (!existsSync(process.env.RUN_LOG + '.gate')) await new Promise((next) => setTimeout(next, 20));",
    "console.log('step two with ' + process.env.MY_API_KEY);",
    "if (prompt.includes('fail')) process.exit(3);",
  ].join('\n');
  const keys = 'effects: none, attempts: 1';
  fleet = await startFleet(
    `models:\n${agentEntry('opus', { place: agents, script, keys }).replace('env: [RUN_LOG]', 'env: [RUN_LOG, MY_API_KEY]')}`,
    {
      MY_API_KEY: SECRET,
    },
  );
});
afterEach(async () => {
  await fleet.close();
  rmSync(agents, { recursive: true, force: true });
});

const open = (): void => writeFileSync(join(fleet.place, 'runs.log.gate'), '');
const here = (): readonly string[] => [
  '-C',
  fleet.clone,
  '--state',
  join(fleet.place, 'state-only'),
];

describe('what an agent prints', () => {
  it('is shown by log -f while it runs, to the end, without secrets', async () => {
    fleet.say({ [`${general}/hello.md`]: '---\nto: opus\n---\nhello\n' });
    const host = fleet.start('only');
    await host.until(({ event }) => event === 'attempt.started');
    const log = spawn(process.execPath, [BIN, 'log', '-f', 'general/hello', ...here()], {
      env: fleet.env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    log.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    log.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    const ended = new Promise<number | null>((done) => log.on('close', done));
    await untilTrue(() => said.includes('step one'));
    expect(said).not.toContain('step two');
    open();
    expect(await ended).toBe(0);
    expect(said).toContain('step two with [redacted]');
    expect(said.split('step one')).toHaveLength(2);
    expect(said).not.toContain(SECRET);
  });

  it('is kept for each attempt and shown by show --transcript, failed ones too', async () => {
    open();
    fleet.say({
      [`${general}/hello.md`]: '---\nto: opus\n---\nhello\n',
      [`${general}/bad.md`]: '---\nto: opus\n---\nfail, please\n',
    });
    const host = fleet.start('only');
    await fleet.untilPulled(() => existsSync(join(fleet.clone, general, 'bad.re.opus.md')));
    for (const name of ['hello', 'bad'])
      await host.until(
        ({ event, message }) => event === 'reply.published' && message === `${general}/${name}.md`,
      );
    const good = await fleet.run(['show', 'general/hello', '--transcript', ...here()]);
    expect(good).toMatchObject({ code: 0, stderr: '' });
    expect(good.stdout).toContain('step one\nstep two with [redacted]\n');
    expect(good.stdout).toContain('[answered]');
    const bad = await fleet.run(['show', 'general/bad', '--transcript', '--json', ...here()]);
    const { transcripts } = JSON.parse(bad.stdout) as {
      transcripts: readonly { model: string; text: string; path: string }[];
    };
    expect(transcripts).toMatchObject([
      {
        model: 'opus',
        text: expect.stringMatching(
          /step two with \[redacted\]\n+\[failed: crash: .*\]/s,
        ) as string,
      },
    ]);
    expect(readFileSync(transcripts[0]?.path ?? '', 'utf8')).not.toContain(SECRET);
    const reply = readFileSync(join(fleet.clone, general, 'bad.re.opus.md'), 'utf8');
    expect(reply).toContain('kept on the host that ran it: crosstalkd show --transcript bad\n');
    expect(reply).not.toContain(fleet.place);
    const none = await fleet.run([
      'show',
      'general/hello',
      '--transcript',
      '-C',
      fleet.clone,
      '--state',
      join(fleet.place, 'state-other'),
    ]);
    expect(none.code).toBe(3);
  });

  it('is kept byte by byte when it is not text, but for secrets', async () => {
    const script =
      "process.stdout.write(Buffer.concat([Buffer.from([0, 255, 254, 1]), Buffer.from(process.env.MY_API_KEY), Buffer.from([0xc3, 0x28, 7]), Buffer.alloc(4000, 0x9d)]));\nconsole.error('on the other output');";
    const binary = agentEntry('binary', { place: agents, script, keys: 'attempts: 1' }).replace(
      'env: [RUN_LOG]',
      'env: [RUN_LOG, MY_API_KEY]',
    );
    writeFileSync(join(fleet.place, 'config', 'models.yaml'), `models:\n${binary}`, {
      mode: 0o600,
    });
    fleet.say({ [`${general}/odd.md`]: '---\nto: binary\n---\nhello\n' });
    fleet.start('only');
    const path = join(fleet.clone, general, 'odd.re.binary.md');
    await fleet.untilPulled(() => existsSync(path));
    const reply = readFileSync(path, 'utf8');
    expect(reply).toContain('error: invalid');
    expect(reply).toMatch(/bytes of output that are not text/);
    const kept = await fleet.run(['show', '--transcript', 'general/odd', '--json', ...here()]);
    const [transcript] = (
      JSON.parse(kept.stdout) as {
        transcripts: readonly { readonly text: string; readonly raw: string }[];
      }
    ).transcripts;
    expect(transcript?.text).toContain('on the other output');
    const raw = readFileSync(transcript?.raw ?? '');
    expect(raw.subarray(0, 4)).toEqual(Buffer.from([0, 255, 254, 1]));
    expect(raw.includes(Buffer.from([0xc3, 0x28, 7]))).toBe(true);
    expect(raw.includes(SECRET)).toBe(false);
    expect((await fleet.run(['show', '--transcript', 'general/odd', ...here()])).stdout).toContain(
      'unchanged output: ',
    );
  });
});
