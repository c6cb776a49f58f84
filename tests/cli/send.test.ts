import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cli, fingerprint, letter, listOf, startCli } from '../support/cli.ts';
import { untilTrue } from '../support/fleet.ts';

let cli: Cli;
beforeAll(async () => {
  cli = await startCli();
});
afterAll(() => cli.close());

const tip = (): string => cli.git(['rev-parse', 'main'], cli.remote);
const fileAtTip = (path: string): string => cli.git(['show', `main:${path}`], cli.remote);

/** An editor that replaces or extends the file it is given. */
function editor(script: string): Readonly<Record<string, string>> {
  const path = join(cli.place, `editor-${Math.floor(performance.now() * 1000)}.sh`);
  writeFileSync(path, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
  return { VISUAL: path };
}

describe('send', () => {
  it('publishes a text as one commit by the person, and prints id and path', async () => {
    const { code, data } = await cli.json([
      'send',
      '--to',
      'echo',
      '-m',
      'What is *this*?\n\nMore.',
    ]);
    expect(code).toBe(0);
    expect(data).toMatchObject({ ok: true, health: 'good', commit: tip() });
    expect(String(data['path'])).toMatch(
      /^data\/channels\/general\/\d{4}\/\d\d\/\d\d\/\d{9}Z-[0-9A-Z]{26}\.md$/,
    );
    expect(String(data['path'])).toContain(String(data['id']));
    expect(cli.git(['log', '-1', '--format=%an <%ae>|%cn|%s', 'main'], cli.remote)).toBe(
      'Ada <ada@example.org>|Ada|ada → echo: What is *this*?',
    );
    expect(fileAtTip(String(data['path']))).toMatch(
      /^---\nto: echo\nfrom: ada\ntimestamp: .*\n---\nWhat is \*this\*\?\n\nMore\.$/,
    );
  });

  it('leaves the clone byte for byte as it was, with uncommitted work, staged files and a lock in it', async () => {
    writeFileSync(join(cli.clone, 'draft.txt'), 'mine');
    writeFileSync(join(cli.clone, 'README.md'), 'changed');
    cli.git(['add', 'README.md']);
    writeFileSync(join(cli.clone, '.git', 'index.lock'), '');
    mkdirSync(join(cli.clone, 'data/channels/general'), { recursive: true });
    writeFileSync(join(cli.clone, 'data/channels/general/by-hand.md'), letter('echo', 'by hand'));
    const before = fingerprint(cli.clone);
    expect((await cli.run(['send', '--to', 'echo', '-m', 'one'])).code).toBe(0);
    expect((await cli.run(['send', 'data/channels/general/by-hand.md'])).code).toBe(0);
    expect((await cli.run(['log'])).code).toBe(0);
    expect((await cli.run(['lint', 'data/channels/general/by-hand.md'])).code).toBe(0);
    expect(fingerprint(cli.clone)).toBe(before);
    rmSync(join(cli.clone, '.git', 'index.lock'));
    cli.git(['reset', '-q', '--hard']);
    cli.git(['clean', '-fdq']);
  });

  it('publishes a hand-written file below the channels byte for byte at its own path, once', async () => {
    const path = 'data/channels/general/notes/Ünïcode name.md';
    const text = `---\r\nto: [echo]   # who\r\nmood: unknown fields stay\r\n---\r\nline\r\n`;
    mkdirSync(join(cli.clone, 'data/channels/general/notes'), { recursive: true });
    writeFileSync(join(cli.clone, path), text);
    const first = await cli.run(['send', path]);
    expect(first).toMatchObject({ code: 0 });
    expect(first.stderr).toContain(`git add ${path}`);
    expect(cli.git(['cat-file', 'blob', `main:${path}`], cli.remote)).toBe(text.replace(/\n$/, ''));
    const again = await cli.run(['send', path]);
    expect(again).toMatchObject({ code: 2 });
    expect(again.stderr).toContain('ALREADY_EXISTS');
    // What the note says is true: after it a pull goes through.
    cli.git(['add', path]);
    cli.git(['pull', '-q']);
    expect(readFileSync(join(cli.clone, path), 'utf8')).toBe(text);
  });

  it('gives a file with front matter from elsewhere a new path, and one without it a head', async () => {
    const written = join(cli.place, 'elsewhere.md');
    writeFileSync(written, letter('echo', 'written elsewhere', 'from: somebody\n'));
    const first = await cli.json(['send', written, '--channel', 'side']);
    expect(first.data).toMatchObject({ ok: true });
    expect(String(first.data['path'])).toMatch(/^data\/channels\/side\//);
    expect(fileAtTip(String(first.data['path']))).toContain('from: somebody');
    expect(cli.git(['log', '-1', '--format=%s', 'main'], cli.remote)).toBe(
      'somebody → echo: written elsewhere',
    );
    writeFileSync(written, '# Title\n\nno head\n');
    const second = await cli.json(['send', '--to', 'echo', '--subject', 'S: "quoted"', written]);
    expect(fileAtTip(String(second.data['path']))).toMatch(
      /subject: 'S: "quoted"'\n---\n# Title\n\nno head$/,
    );
  });

  it('takes the text from standard input, whatever it looks like', async () => {
    const body = '---\nre: data/channels/general/x.md\n---\nnot a head\n\u0000'.replace(
      '\u0000',
      '',
    );
    const { data } = await cli.json(['send', '--to', 'echo', '-'], { input: body });
    const text = fileAtTip(String(data['path']));
    expect(text.split('\n---\n')[0]).not.toContain('re:');
    expect(text).toContain('\n---\n---\nre: data/channels/general/x.md\n---\nnot a head');
  });

  it('answers a message: its channel, its author, its path', async () => {
    cli.say({ 'data/channels/side/question.md': letter('ada', 'When?', 'from: grace\n') });
    const { data } = await cli.json(['send', '--re', 'question', '-m', 'Tomorrow.']);
    expect(fileAtTip(String(data['path']))).toContain('to: grace\nfrom: ada\n');
    expect(fileAtTip(String(data['path']))).toContain('re: data/channels/side/question.md');
    expect(String(data['path'])).toMatch(/^data\/channels\/side\//);
    const onward = await cli.json(['send', '--re', String(data['id']), '-m', 'Or later.']);
    expect(fileAtTip(String(onward.data['path']))).toContain('to: grace\n');
  });

  it.each([
    [['--to', 'ehco', '-m', 'x'], 'did you mean "echo"'],
    [['--to', 'Nobody-Here', '-m', 'x'], '--force'],
    [['--to', 'a+b', '-m', 'x'], 'is not an address'],
    [['--to', 'echo'], 'nothing to send'],
    [['--to', 'echo', '-m', ' '], 'the text is empty'],
    [['--to', 'echo', '-m', 'x', 'file.md'], 'one place'],
    [['--to', 'echo', 'Hello'], 'crosstalkd send -m Hello'],
    [['--to', 'echo', '--channel', 'No Channel', '-m', 'x'], 'is not a channel'],
    [['--to', 'echo', '--channel', '../../x', '-m', 'x'], 'is not a channel'],
    [['--to', 'echo', '--priority', '10', '-m', 'x'], 'from -9 to 9'],
    [['--to', 'echo', '--from', 'echo', '-m', 'x'], 'name of a model'],
    [['--to', 'echo', '--from', 'workflow', '-m', 'x'], 'is not a name'],
    [['--to', 'echo', '--wait', '0', '-m', 'x'], 'expected seconds'],
    [['--to', 'echo', '--as', '../../etc/passwd', '-m', 'x'], 'path in the transport'],
  ])('refuses %j and sends nothing', async (args, says) => {
    const before = tip();
    const { code, stdout, stderr } = await cli.run(['send', ...args]);
    expect(stderr).toContain(says);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(tip()).toBe(before);
  });

  it('writes to somebody new only when told to, and to people seen without asking', async () => {
    expect(
      (await cli.run(['send', '--to', 'newcomer', '--force', '-m', 'hi', '--from', 'boss'])).code,
    ).toBe(0);
    expect((await cli.run(['send', '--to', 'boss', '-m', 'hi'])).code).toBe(0);
  });

  it("writes to a model that only a host's own models.yaml has: of another host by its beat, of this one by its file", async () => {
    const elsewhere = {
      CROSSTALK_CONFIG_DIR: join(cli.place, 'config2'),
      CROSSTALK_STATE_DIR: join(cli.place, 'state2'),
    };
    const models = (name: string): string =>
      `models:\n  ${name}: { adapter: command, command: [cat] }\n`;
    mkdirSync(elsewhere.CROSSTALK_CONFIG_DIR, { mode: 0o700 });
    writeFileSync(join(elsewhere.CROSSTALK_CONFIG_DIR, 'models.yaml'), models('attic'), {
      mode: 0o600,
    });
    expect((await cli.run(['send', '--to', 'attic', '-m', 'hi'])).code).toBe(2);
    const host = cli.start(['run', '--alias', 'attic-host'], elsewhere);
    await untilTrue(() => cli.git(['for-each-ref', 'refs/crosstalk/hosts'], cli.remote) !== '');
    expect(await cli.run(['send', '--to', 'attic', '-m', 'hi'])).toMatchObject({ code: 0 });
    expect((await cli.run(['send', '--to', 'atic', '-m', 'hi'])).stderr).toContain(
      'did you mean "attic"',
    );
    await host.stop();
    writeFileSync(join(cli.place, 'config', 'models.yaml'), models('cellar'), { mode: 0o600 });
    expect(await cli.run(['send', '--to', 'cellar', '-m', 'hi'])).toMatchObject({ code: 0 });
  });

  it('says of a broken hand-written file where and why, and of options that would change one that is right', async () => {
    const file = join(cli.place, 'broken.md');
    writeFileSync(file, '---\nto: echo\nfrom: @ada\n---\nx\n');
    const broken = await cli.run(['send', file]);
    expect(broken.code).toBe(2);
    expect(broken.stderr).toContain(`${file}:3:`);
    writeFileSync(file, letter('echo', 'x'));
    const changed = await cli.run(['send', file, '--to', 'echo']);
    expect(changed.code).toBe(2);
    expect(changed.stderr).toContain('has front matter');
    writeFileSync(file, 'to: echo\n\nx\n');
    const bare = (await cli.run(['send', file])).stderr;
    expect(bare).toContain('expected a line --- before the fields');
  });

  it('takes along what a file outside of the channels names beside itself', async () => {
    const folder = join(cli.place, 'drafts');
    mkdirSync(join(folder, 'sub'), { recursive: true });
    writeFileSync(join(folder, 'a.txt'), 'one\n');
    writeFileSync(join(folder, 'sub', 'a.txt'), 'two\n');
    symlinkSync(join(cli.place, 'gitconfig'), join(folder, 'link.txt'));
    const file = join(folder, 'draft.md');
    const send = async (files: string) => {
      writeFileSync(file, letter('echo', 'x', `# mine\n${files}\nsubject: 0123\nre: hello\n`));
      return cli.json(['send', file]);
    };
    for (const files of ['files: [a.txt, sub/a.txt]', 'files:\n- a.txt\n- sub/a.txt']) {
      const path = String((await send(files)).data['path']);
      const stem = path.slice(path.lastIndexOf('/') + 1, -3);
      const at = (name: string) => cli.git(['show', `main:${name}`], cli.remote);
      expect(at(path)).toBe(
        `---\nto: echo\n# mine\nfiles: ["${stem}.files/a.txt","${stem}.files/2-a.txt"]\nsubject: 0123\nre: hello\n---\nx`,
      );
      expect(at(`${path.slice(0, -3)}.files/2-a.txt`)).toBe('two');
      expect(cli.git(['log', '-1', '--format=%B', 'main'], cli.remote)).toContain('Re: hello');
    }
    for (const [files, says] of [
      ['files: [nothing.txt]', 'cannot attach "nothing.txt"'],
      ['files: [link.txt]', 'through a link'],
      ['files: ../a.txt', 'a path in the transport'],
    ] as const)
      expect((await send(files)).data).toMatchObject({
        error: { message: expect.stringContaining(says) as string },
      });
  });

  it('opens the editor on a template and sends what was written', async () => {
    const env = editor('printf "From the editor\\n" >> "$1"');
    const { data } = await cli.json(['send', '--edit', '--to', 'echo', '--subject', 'yes: no'], {
      env,
    });
    expect(fileAtTip(String(data['path']))).toMatch(
      /to: echo\nfrom: ada\n[^]*subject: 'yes: no'\n---\nFrom the editor$/,
    );
    expect(
      readdirSync(cli.env['TMPDIR'] ?? '').filter((name) => name.startsWith('crosstalk-edit-')),
    ).toEqual([]);
  });

  it('aborts on an empty text and keeps a text that cannot be sent', async () => {
    const before = tip();
    const empty = await cli.run(['send', '--edit', '--to', 'echo'], { env: editor('true') });
    expect(empty).toMatchObject({ code: 2 });
    expect(empty.stderr).toContain('nothing was sent');
    const wrong = await cli.run(['send', '--edit'], {
      env: editor('printf -- "---\\nto: ehco\\n---\\nprecious\\n" > "$1"'),
    });
    expect(wrong.code).toBe(2);
    const kept = /your text is kept: (\S+)/.exec(wrong.stderr)?.[1] ?? '';
    expect(readFileSync(kept, 'utf8')).toContain('precious');
    const failed = await cli.run(['send', '--edit', '--to', 'echo'], { env: editor('exit 3') });
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('the text is kept');
    expect(tip()).toBe(before);
  });

  it('prints the answer when told to wait, and only it', async () => {
    const host = cli.start(['run']);
    await host.until('models.loaded');
    const { code, stdout, stderr } = await cli.run([
      'send',
      '--to',
      'echo',
      '--wait',
      '-m',
      'ping \u001b[31mred\u001b[0m \u009b2J',
    ]);
    expect(stdout).toContain('ping red');

    expect(stdout).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    expect(stderr).toMatch(/^sent 0/);
    expect(code).toBe(0);
    const { data } = await cli.json(['send', '--to', 'echo', '--wait', '30', '-m', 'pong']);
    expect(data).toMatchObject({ ok: true, pending: [] });
    expect(listOf(data, 'replies')[0]).toMatchObject({ from: 'echo', host: 'mbp', failed: false });
    await host.stop();
  });

  it('gives up waiting with exit code 3 and says how to find out why', async () => {
    // On a host where nothing is approved.
    const { code, stdout, stderr } = await cli.run(
      ['send', '--to', 'echo', '--wait', '1', '-m', 'anybody?'],
      { env: { CROSSTALK_CONFIG_DIR: join(cli.place, 'elsewhere') } },
    );
    expect(code).toBe(3);
    expect(stdout).toBe('');
    expect(stderr).toContain('crosstalkd why data/channels/general/');
  });

  it('tells an unreachable transport apart, with exit code 4', async () => {
    cli.git(['clone', '-q', cli.remote, join(cli.place, 'away')], cli.place);
    cli.git(['remote', 'set-url', 'origin', join(cli.place, 'gone.git')], join(cli.place, 'away'));
    const { code, data } = await cli.json(
      ['send', '-C', join(cli.place, 'away'), '--to', 'echo', '-m', 'x'],
      { cwd: cli.place },
    );
    expect(code).toBe(4);
    expect(data).toMatchObject({
      ok: false,
      health: 'failed',
      error: { code: 'REMOTE_UNREACHABLE' },
    });
  });

  it('says of a push that the remote did not answer that it may still land, with exit code 4', async () => {
    const hook = join(cli.remote, 'hooks', 'pre-receive');
    writeFileSync(hook, '#!/bin/sh\nexec sleep 60\n', { mode: 0o755 });
    const env = { CROSSTALK_NETWORK_TIMEOUT: '1s' };
    const sent = await cli.run(['send', '--to', 'echo', '-m', 'x'], { env });
    rmSync(hook);
    expect(sent.code).toBe(4);
    expect(sent.stderr).toContain('may still land');
    expect(sent.stderr).toContain('crosstalkd log');
  });
});

describe('send inside of an agent', () => {
  const agent = { CROSSTALK_MODEL: 'echo', CROSSTALK_HOPS: '2', CROSSTALK_SEND: '*' };

  it('is from the model, one hop on, in answer to what it works on', async () => {
    const asked = await cli.json(['send', '--to', 'echo', '-m', 'work']);
    const env = { ...agent, CROSSTALK_MESSAGE: String(asked.data['path']) };
    const sent = await cli.json(['send', '--to', 'ada', '-m', 'help'], { env });
    const text = fileAtTip(String(sent.data['path']));
    expect(text).toContain(`to: ada\nfrom: echo\n`);
    expect(text).toContain(`re: ${String(asked.data['path'])}\nhops: 2\n`);
    expect(text).not.toContain('wait:');
    const waited = await cli.json(['send', '--to', 'ada', '--wait', '1', '-m', 'help'], { env });
    expect(fileAtTip(String(waited.data['path']))).toContain('wait: true');
    expect(cli.git(['log', '-1', '--format=%an <%ae>', 'main'], cli.remote)).toBe(
      'echo <echo@mbp.crosstalk>',
    );
  });

  it('is refused without permission, under another name, and past the hop limit', async () => {
    const env = { ...agent, CROSSTALK_MESSAGE: 'data/channels/side/question.md' };
    const silent = await cli.run(['send', '--to', 'ada', '-m', 'x'], {
      env: { ...env, CROSSTALK_SEND: '' },
    });
    expect(silent).toMatchObject({ code: 1 });
    expect(silent.stderr).toContain('may-send: true');
    expect((await cli.run(['send', '--to', 'ada', '--from', 'ada', '-m', 'x'], { env })).code).toBe(
      2,
    );
    expect(
      (await cli.run(['send', '--to', 'ada', '-m', 'x'], { env: { ...env, CROSSTALK_HOPS: '4' } }))
        .stderr,
    ).toContain('the limit is 4');
  });

  it('works from the program of a model that may send, and only from that', async () => {
    const ask = join(cli.place, 'asks.sh');
    const bin = join(import.meta.dirname, '../../bin/crosstalkd.js');
    writeFileSync(
      ask,
      `#!/bin/sh\ncat >/dev/null\n${process.execPath} ${bin} send --to ada -m "asked by $1" 2>&1 | head -1\n`,
      {
        mode: 0o700,
      },
    );
    const entry = (name: string, more: string): string =>
      `  ${name}: { adapter: command, command: [${ask}, ${name}], effects: none${more} }\n`;
    cli.say({
      'data/models.yaml': `models:\n${entry('asker', ', may-send: true')}${entry('mute', '')}`,
    });
    expect((await cli.run(['allow', '--all'])).code).toBe(0);
    const sent = await cli.json(['send', '--to', 'asker,mute', '-m', 'ask somebody']);
    await cli.answer();
    const { data } = await cli.json(['thread', String(sent.data['id'])]);
    const texts = listOf(data, 'messages').map(
      ({ from, to, body }) =>
        `${String(from)} → ${String(to)}: ${String(body).split('\n')[0] ?? ''}`,
    );
    expect(texts).toContain('asker → ada: asked by asker');
    expect(texts.join('\n')).toMatch(/asker → ada: sent 0/);
    expect(texts.join('\n')).toMatch(
      /mute → ada: REFUSED: the model "mute" may not send|mute → ada: .*not a crosstalk transport/,
    );
  });

  it('that is ended by a signal ends the programs that reach the remote for it', async () => {
    const [ssh, seen] = [join(cli.place, 'hangs.sh'), join(cli.place, 'hangs.seen')];
    const script = `trap 'echo ended >> ${seen}; exit 1' TERM; echo begun > ${seen}; sleep 60 & wait`;
    writeFileSync(ssh, `#!/bin/sh\n${script}\n`, { mode: 0o700 });
    const bin = join(import.meta.dirname, '../../bin/crosstalkd.js');
    const child = spawn(
      process.execPath,
      [bin, 'send', '--to', 'echo', '-m', 'x', '-C', 'ssh://h/r'],
      {
        env: { ...cli.env, GIT_SSH_COMMAND: ssh },
        stdio: 'ignore',
      },
    );
    const said = (): string => (existsSync(seen) ? readFileSync(seen, 'utf8') : '');
    await untilTrue(() => said() !== '', 20_000);
    child.kill('SIGTERM');
    await untilTrue(() => said() === 'begun\nended\n', 20_000);
  });
});
