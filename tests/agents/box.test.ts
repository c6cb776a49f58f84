/** The sandbox that is shipped, attacked by the agent in it. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { entryOf, useAttempts } from '../support/agents/attempts.ts';

const BOX = resolve(import.meta.dirname, '../../bin/crosstalk-box');
const { attempt, run, makeDirectory } = useAttempts();

// Some containers allow no namespaces; nothing can be said there.
const canRun =
  spawnSync('bwrap', ['--unshare-pid', '--ro-bind', '/', '/', '--proc', '/proc', 'true']).status ===
  0;

describe.skipIf(!canRun)('an agent in the box', () => {
  test('reads no secret, reaches no control socket, and writes in its own folders only', async () => {
    const home = makeDirectory();
    const work = join(home, 'project');
    mkdirSync(work);
    mkdirSync(join(home, '.config/crosstalk'), { recursive: true });
    writeFileSync(join(home, '.config/crosstalk/service.env'), 'KEY=TOP-SECRET');
    writeFileSync(join(home, '.git-credentials'), 'https://ada:TOP-SECRET@example.org');
    const socket = join(home, 'control.sock');
    const heard: string[] = [];
    const server = createServer((client) => {
      heard.push('a client');
      client.destroy();
    });
    await new Promise<void>((done) => server.listen(socket, done));
    onTestFinished(() => void server.close());
    const request = attempt(
      entryOf({
        command: [
          'sh',
          '-c',
          [
            `cat ${home}/.config/crosstalk/service.env ${home}/.git-credentials`,
            `${process.execPath} -e 'require("net").connect("${socket}").on("error",(e)=>console.log(e.code))'`,
            `cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep -c DISPATCHER_SECRET`,
            `echo x > ${home}/written; echo x > /usr/written`,
            'echo own > own; echo own > "$CROSSTALK_OUTPUT/own"; ls -a ~',
          ].join('\n'),
        ],
        wrapper: [BOX, '{attempt}', '{worktree}', `read=${dirname(process.execPath)}`, '--'],
        cwd: work,
        effects: 'external',
      }),
    );
    process.env['DISPATCHER_SECRET'] = 'x';
    const env = { PATH: process.env['PATH'], HOME: home };
    const outcome = await run(request, { operatorEnv: env });
    delete process.env['DISPATCHER_SECRET'];
    expect(JSON.stringify(outcome)).not.toContain('TOP-SECRET');
    expect(outcome).toMatchObject({
      kind: 'answered',
      text: expect.stringContaining('ENOENT') as string,
    });
    expect(heard).toEqual([]);
    expect(existsSync(join(home, 'written'))).toBe(false);
    expect(readFileSync(join(work, 'own'), 'utf8')).toBe('own\n');
    expect((outcome as { files?: readonly { name: string }[] }).files?.[0]?.name).toBe('own');
  });

  test('finds crosstalkd, and asks with it for a permission, however long the paths are', async () => {
    const home = makeDirectory();
    const work = join(home, 'project');
    mkdirSync(work);
    const asked: string[] = [];
    const request = attempt(
      entryOf({
        command: [
          'sh',
          '-c',
          'crosstalkd --version && crosstalkd ask --permission -m "Deploy?"; echo $?',
        ],
        wrapper: [BOX, '{attempt}', '{worktree}', '--'],
        cwd: work,
        permissions: 'ask',
        effects: 'external',
      }),
      {
        directory: join(home, 'a'.repeat(110)),
        onAsk: ({ title }) => {
          asked.push(title);
          return Promise.resolve(true);
        },
      },
    );
    const outcome = await run(request, { operatorEnv: { PATH: '/usr/bin:/bin', HOME: home } });
    expect(outcome).toMatchObject({ kind: 'answered' });
    expect(asked).toEqual(['Deploy?']);
    expect(outcome).toMatchObject({ text: expect.stringMatching(/^\d.*\n(.*\n)*0$/) as string });
  });

  test('is refused with words when the call is wrong', () => {
    const wrong = spawnSync(BOX, ['/tmp', '/tmp', 'share=/', '--', 'true'], {
      encoding: 'utf8',
    });
    expect([wrong.status, wrong.stderr]).toEqual([
      2,
      'crosstalk-box: expected read=DIR, write=DIR or --, got share=/\n',
    ]);
  });
});
