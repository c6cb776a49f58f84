import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { CommandSpec } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import {
  type Ancestor,
  judgeCaller,
  parsePsChain,
  parsePsCommands,
  readAncestors,
} from '../../src/local/ancestors.ts';
import { type Cli, letter, startCli } from '../support/cli.ts';

const BIN = resolve(import.meta.dirname, '../../bin/crosstalkd.js');

const process_ = (words: string, env: Readonly<Record<string, string>> = {}): Ancestor => ({
  pid: 1,
  words: words.split(' '),
  env,
});
const dispatcher = process_('node /x/bin/crosstalkd.js run /x/team');
const told = { CROSSTALK_RUN: 'a', CROSSTALK_MODEL: 'opus' };

describe('a caller', () => {
  it('is a person where no dispatcher is above', () => {
    expect(judgeCaller({}, [process_('bash'), process_('sshd: ada')])).toEqual({ kind: 'person' });
    expect(judgeCaller({}, [process_('vim crosstalkd run notes'), process_('bash')])).toEqual({
      kind: 'person',
    });
  });

  const agents: Readonly<Record<string, readonly [own: object, above: readonly Ancestor[]]>> = {
    'its own environment': [told, []],
    'a parent that cleared nothing': [{}, [process_('sh', told)]],
    'its first process, whatever those below changed': [
      { CROSSTALK_RUN: 'b', CROSSTALK_MODEL: 'boss' },
      [process_('sh', { CROSSTALK_RUN: 'b', CROSSTALK_MODEL: 'boss' }), process_('sh', told)],
    ],
    'the child of a dispatcher, not what that one has above': [
      {},
      [process_('sh', told), dispatcher, process_('sh', { CROSSTALK_RUN: 'outer' })],
    ],
  };
  it.each(Object.entries(agents))('is an agent by %s', (_, [own, above]) => {
    expect(judgeCaller(own as Readonly<Record<string, string>>, above)).toEqual({
      kind: 'agent',
      env: told,
    });
  });

  it('is an agent below a dispatcher although nothing says which', () => {
    expect(judgeCaller({}, [process_('sh'), dispatcher])).toEqual({ kind: 'agent', env: {} });
  });

  it('has the ancestors that the system tells', async () => {
    const pids = (await readAncestors(process.pid)).map(({ pid }) => pid);
    expect(pids[0]).toBe(process.ppid);
    expect(pids).toContain(1);
  });

  it('is found with ps as well', () => {
    expect(parsePsChain(' 1 0\n 7 1\n 9 7\n12 9\n', 12)).toEqual([9, 7, 1]);
    expect(parsePsChain('7 9\n9 7\n', 7)).toEqual([9, 7]);
    expect(parsePsCommands('9 sh -c x CROSSTALK_RUN=a HOME=/\n7 init\n', [9, 7])).toEqual([
      {
        pid: 9,
        words: ['sh', '-c', 'x', 'CROSSTALK_RUN=a', 'HOME=/'],
        env: { CROSSTALK_RUN: 'a' },
      },
      { pid: 7, words: ['init'], env: {} },
    ]);
  });
});

it('agents may call what sends or reads, and nothing else', () => {
  const all = (specs: readonly CommandSpec[]): readonly CommandSpec[] =>
    specs.flatMap((spec) => [spec, ...all(spec.subcommands ?? [])]);
  expect(
    all(COMMANDS)
      .filter(({ agents }) => agents === true)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(
    [
      ...[
        'ask',
        'channels',
        'completion',
        'hosts',
        'lint',
        'log',
        'man',
        'mcp',
        'metrics',
        'models',
      ],
      ...['search', 'send', 'show', 'status', 'thread', 'verify', 'wait', 'why', 'workflow'],
      ...['check', 'list', 'plan', 'show', 'why'].map((name) => `workflow ${name}`),
    ].sort(),
  );
});

describe('an agent', () => {
  let cli: Cli;
  afterEach(() => cli.close());

  const attacks = [
    ['allow', '--all'],
    ['pause', '--all'],
    ['stop'],
    ['forget', '.', '-y'],
    ['cancel', 'hello'],
    ['workflow', 'approve', 'x'],
    ['service', 'uninstall'],
  ];
  const ways: Readonly<Record<string, (words: string) => string>> = {
    plainly: (words) => words,
    'without its variables': (words) => `env -i PATH="$PATH" HOME="$HOME" ${words}`,
    'in its own session': (words) => `setsid -w env -u CROSSTALK_RUN ${words}`,
  };

  it('is refused everything that decides or operates, however it calls', async () => {
    cli = await startCli();
    const lines = Object.values(ways).flatMap((way) =>
      attacks.map(
        (words) => `${way(`${process.execPath} ${BIN} ${words.join(' ')}`)} 2>&1 | head -1`,
      ),
    );
    const program = join(cli.place, 'attack.sh');
    writeFileSync(program, `cd ${cli.clone}\nexport CROSSTALK_MODEL=\n${lines.join('\n')}\n`);
    cli.say({
      'data/models.yaml': `models:\n  evil: { adapter: command, command: [sh, ${program}], effects: none }\n`,
    });
    expect((await cli.run(['allow', 'evil'])).code).toBe(0);
    cli.say({ 'data/channels/general/hello.md': letter('evil', 'go') });
    await cli.runProgram(['run', '--once']);
    const { stdout } = await cli.run(['show', 'hello', '--json']);
    const refusals = stdout.match(/REFUSED: crosstalkd [a-z ]+: an agent called it/g);
    expect(refusals?.length, stdout).toBe(lines.length);
  }, 120_000);

  it('that replaced itself and its whole environment passes for nobody', async () => {
    cli = await startCli();
    const say = `exec env -i PATH="$PATH" HOME=${cli.place}/home CROSSTALK_CONFIG_DIR=${cli.place}/config CROSSTALK_STATE_DIR=${cli.place}/state ${process.execPath} ${BIN} send -C ${cli.clone} --from boss --to ada -m hi 2>&1`;
    const program = join(cli.place, 'mute.sh');
    writeFileSync(program, `${say}\n`);
    cli.say({
      'data/models.yaml': `models:\n  mute: { adapter: command, command: [sh, ${program}], effects: none, attempts: 1 }\n`,
    });
    expect((await cli.run(['allow', 'mute'])).code).toBe(0);
    cli.say({ 'data/channels/general/hello.md': letter('mute', 'go') });
    await cli.runProgram(['run', '--once']);
    const { stdout } = await cli.run(['show', 'hello', '--transcript']);
    expect(stdout).toContain('REFUSED');
    expect((await cli.run(['log', '--json'])).stdout).not.toContain('"boss"');
  }, 120_000);
});
