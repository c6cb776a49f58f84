/** Signatures with real keys: who is heard, who is held back, and what lets it through. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cli, type Json, letter, listOf, startCli } from '../support/cli.ts';

const GENERAL = 'data/channels/general';
const MODELS = `models:
  echo: { adapter: command, command: [cat], effects: none }
  deploy: { adapter: command, command: [cat], effects: external }
`;

let cli: Cli;
beforeAll(async () => {
  cli = await startCli({ models: MODELS });
  for (const name of ['ada', 'eve'])
    execFileSync('ssh-keygen', ['-q', '-N', '', '-t', 'ed25519', '-f', keyOf(name)]);
  writeFileSync(join(cli.place, 'config', 'config.yaml'), 'require-signed: [external, gates]\n');
  expect((await cli.run(['trust', 'add', 'ada', `${keyOf('ada')}.pub`])).code).toBe(0);
});
afterAll(() => cli.close());

const keyOf = (name: string): string => join(cli.place, `key-${name}`);

/** What git signs commits of the clone with from now on; null: nothing. */
function signWith(name: string | null): void {
  cli.git(['config', 'commit.gpgSign', String(name !== null)]);
  cli.git(['config', 'gpg.format', 'ssh']);
  if (name !== null) cli.git(['config', 'user.signingKey', keyOf(name)]);
}

/** On a machine that requires nothing. */
const elsewhere = (): Parameters<Cli['run']>[1] => ({
  env: { CROSSTALK_CONFIG_DIR: join(cli.place, 'elsewhere') },
});

async function ask(to: string, text: string): Promise<string> {
  const { data } = await cli.json(['send', '--to', to, '-m', text], elsewhere());
  return String(data['id']);
}

const stateOf = async (id: string): Promise<unknown> =>
  listOf((await cli.json(['log'])).data, 'messages').find((one) => one['id'] === id)?.['state'];

describe('with require-signed: [external, gates]', () => {
  it('runs what its sender has signed, and what needs no signature', async () => {
    signWith('ada');
    const signed = await ask('deploy', 'ship it');
    signWith(null);
    const harmless = await ask('echo', 'hello');
    await cli.answer();
    expect(await stateOf(signed)).toBe('answered');
    expect(await stateOf(harmless)).toBe('answered');
  });

  it.each([
    ['nobody', null, 'is not signed, and this host requires the signature of ada'],
    ['a stranger', 'eve', 'is signed with a key that this host does not know: ssh-ed25519 '],
  ])('holds back what %s has signed, says so, and lets it through once', async (_, key, says) => {
    signWith(key);
    const id = await ask('deploy', `ship it for ${key ?? 'nobody'}`);
    await cli.answer();
    expect(await stateOf(id)).toBe('open');
    const why = (await cli.run(['why', id])).stdout;
    expect(why).toContain(says);
    expect(why).toContain('crosstalkd trust message');
    expect((await cli.run(['trust', 'message', id])).code).toBe(0);
    await cli.answer();
    expect(await stateOf(id)).toBe('answered');
  });

  it('holds back what somebody else has signed in the name of the sender', async () => {
    await cli.run(['trust', 'add', 'eve', readFileSync(`${keyOf('eve')}.pub`, 'utf8')]);
    signWith('eve');
    const asAda = ['send', '--from', 'ada', '--to', 'deploy', '-m', 'as ada'];
    const refused = await cli.run(asAda);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('nothing was sent');
    const { data } = await cli.json(asAda, elsewhere());
    const id = String(data['id']);
    await cli.answer();
    expect(await stateOf(id)).toBe('open');
    expect((await cli.run(['why', id])).stdout).toContain('is from ada, but signed by eve');
    await cli.run(['trust', 'remove', 'eve']);
  });

  it('holds back what an unsigned commit has changed after it was signed', async () => {
    signWith('ada');
    const { data } = await cli.json(['send', '--to', 'deploy', '-m', 'ship 1']);
    cli.say({
      [String(data['path'])]: letter('deploy', 'ship 2', 'from: ada\n'),
    });
    await cli.answer();
    expect(await stateOf(String(data['id']))).toBe('open');
  });

  it('starts no run whose marker nobody known has signed, and runs one that is', async () => {
    const marker =
      '---\nto: workflow\ntype: workflow\nfrom: ada\nsteps: { a: { model: echo, prompt: x } }\n---\n';
    cli.say({ [`${GENERAL}/forged.md`]: marker });
    await cli.answer();
    expect(await stateOf('forged')).toBe('open');
    cli.git(['pull', '-q', '--rebase']);
    signWith('ada');
    writeFileSync(join(cli.clone, GENERAL, 'signed.md'), marker);
    cli.git(['add', '-A']);
    cli.git(['commit', '-qm', 'a signed run']);
    cli.git(['push', '-q']);
    await cli.answer();
    expect(await stateOf('signed')).toBe('answered');
  });

  it('counts the answer to a gate only when a known person has signed it', async () => {
    signWith('ada');
    const marker = [
      '---',
      'to: workflow',
      'type: workflow',
      'from: ada',
      'steps:',
      '  ok: { ask: { title: "Ship?", kind: approve, approvers: [ada] } }',
      '---\n',
    ].join('\n');
    cli.git(['pull', '-q', '--rebase']);
    writeFileSync(join(cli.clone, GENERAL, 'gated.md'), marker);
    cli.git(['add', '-A']);
    cli.git(['commit', '-qm', 'a gated run']);
    cli.git(['push', '-q']);
    await cli.answer();
    cli.git(['pull', '-q', '--rebase']);
    signWith(null);
    const refused = await cli.run(['workflow', 'approve', 'gated']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('nothing was sent');
    expect((await cli.run(['workflow', 'approve', 'gated'], elsewhere())).code).toBe(0);
    await cli.answer();
    expect(await stateOf('gated')).toBe('open');
    signWith('ada');
    const approved = await cli.run(['workflow', 'approve', 'gated']);
    expect(approved.stderr).toBe('');
    await cli.answer();
    expect(await stateOf('gated')).toBe('answered');
  });

  it('a commit of this host is good for git itself, by the key that it tells', async () => {
    const key = (await cli.run(['trust', 'key'])).stdout;
    const added = await cli.run(['trust', 'add', '--host', 'mbp', '-'], { input: key });
    expect(added.code).toBe(0);
    const signers = join(cli.place, 'config', 'allowed-signers');
    const said = cli.git(
      ['-c', `gpg.ssh.allowedSignersFile=${signers}`, 'log', '--format=%G? %GS', 'main'],
      cli.remote,
    );
    expect(said).toContain('G host/mbp');
    expect(said).toContain('G ada');
  });
});

describe('with files and orders that have to be signed', () => {
  const requiring = (kinds: string): void =>
    writeFileSync(join(cli.place, 'config', 'config.yaml'), `require-signed: [${kinds}]\n`);
  /** Commits a file in the clone, signed as it is told to sign now. */
  const write = (path: string, text: string | null): void => {
    cli.git(['pull', '-q', '--rebase']);
    if (text === null) cli.git(['rm', '-q', path]);
    else {
      mkdirSync(dirname(join(cli.clone, path)), { recursive: true });
      writeFileSync(join(cli.clone, path), text);
    }
    cli.git(['add', '-A']);
    cli.git(['commit', '-qm', `write ${path}`]);
    cli.git(['push', '-q']);
  };
  const answered = async (id: string): Promise<boolean> => {
    await cli.answer();
    return (await stateOf(id)) === 'answered';
  };

  it('an unsigned budget, or its unsigned removal, changes nothing; a signed one does', async () => {
    requiring('budgets');
    signWith('ada');
    write('data/budgets.yaml', 'models:\n  echo: { runs-per-hour: 1 }\n');
    signWith(null);
    write('data/budgets.yaml', 'models:\n  echo: { runs-per-hour: 1000 }\n');
    write('data/budgets.yaml', null);
    // This hour had more than one already.
    const waiting = await ask('echo', 'one more');
    expect(await answered(waiting)).toBe(false);
    signWith('ada');
    write('data/budgets.yaml', 'models:\n  echo: { runs-per-hour: 900 }\n');
    expect(await answered(waiting)).toBe(true);
  });

  it('an unsigned models.yaml serves what was signed before, and a signed one counts', async () => {
    requiring('models');
    signWith('ada');
    write('data/models.yaml', `${MODELS}# signed\n`);
    signWith(null);
    write('data/models.yaml', MODELS.replace('deploy:', 'fresh:'));
    expect((await cli.run(['allow', 'fresh'])).code).not.toBe(0);
    expect((await cli.run(['models'])).stdout).not.toContain('fresh');
    const id = await ask('fresh', 'hello');
    expect(await answered(id)).toBe(false);
    expect((await cli.run(['why', id])).stdout).toContain(
      'fresh: rests on data/models.yaml, which is not signed',
    );
    signWith('ada');
    write('data/models.yaml', `${MODELS.replace('deploy:', 'fresh:')}# signed\n`);
    await cli.run(['allow', 'fresh']);
    expect(await answered(id)).toBe(true);
    write('data/models.yaml', MODELS);
  });

  it('the clock starts a workflow only as somebody known has signed it', async () => {
    requiring('schedules');
    const text =
      '---\non: { schedule: "* * * * *", catch-up: last }\nsteps: { a: { model: echo, prompt: x } }\n---\n';
    signWith(null);
    write('data/workflows/often.md', text);
    const run = cli.start(['run']);
    await run.until('file.unsigned');
    const ended = await run.stop();
    expect(ended.stdout).toContain('data/workflows/often.md');
    expect(ended.stdout).not.toContain('schedule.fired');
    write('data/workflows/often.md', null);
  });

  it('an order to all hosts counts only when a known person has signed it', async () => {
    writeFileSync(join(cli.place, 'config', 'config.yaml'), 'obey-control: signed\n');
    signWith(null);
    expect((await cli.run(['pause', '--all'])).code).toBe(1);
    expect((await cli.run(['pause', '--all'], elsewhere())).code).toBe(0);
    expect(await answered(await ask('echo', 'in spite of it'))).toBe(true);
    expect((await cli.json(['status'])).data).not.toMatchObject({
      needs: [{ kind: 'all-paused' }],
    });
    cli.git(['update-ref', '-d', 'refs/crosstalk/control/all'], cli.remote);
    signWith('ada');
    expect((await cli.run(['pause', '--all'])).code).toBe(0);
    const held = await ask('echo', 'not now');
    expect(await answered(held)).toBe(false);
    expect((await cli.run(['resume', '--all'])).code).toBe(0);
    expect(await answered(held)).toBe(true);
  });

  it('verify --signatures says whose keys have signed, and what nobody known has', async () => {
    const { code, data } = await cli.json(['verify', '--signatures']);
    expect(code).toBe(1);
    expect(data['ok']).toBe(false);
    expect(listOf(data, 'signed').map((one) => one['name'])).toContain('ada');
    const found = listOf(data, 'not_known').map((one) => one['found']);
    expect(found).toContain('not signed');
  });

  it('a stolen key of a host may not speak for a person, nor order, and for nobody once it is removed', async () => {
    requiring('external, control');
    // Anyone who has the key file signs with it as git does.
    const stolen = keyOf('stolen');
    execFileSync('ssh-keygen', ['-q', '-N', '', '-t', 'ed25519', '-f', stolen]);
    await cli.run(['trust', 'add', '--host', 'build', `${stolen}.pub`]);
    signWith('stolen');
    const send = async (from: string): Promise<Json> =>
      (await cli.json(['send', '--from', from, '--to', 'deploy', '-m', 'x'], elsewhere())).data;
    const [asAda, asNobody] = [await send('ada'), await send('ci')];
    expect(await answered(String(asAda['id']))).toBe(false);
    expect(await stateOf(String(asNobody['id']))).toBe('answered');
    expect((await cli.run(['pause', '--all'], elsewhere())).code).toBe(0);
    await cli.run(['trust', 'remove', '--host', 'build']);
    const later = String((await send('ci'))['id']);
    expect(await answered(later)).toBe(false);
    expect((await cli.run(['why', later])).stdout).toContain('does not know');
    cli.git(['update-ref', '-d', 'refs/crosstalk/control/all'], cli.remote);
    writeFileSync(join(cli.place, 'config', 'config.yaml'), 'require-signed: [external, gates]\n');
  });
});

describe('trust', () => {
  it('is turned on and off in one line of config.yaml, and tells the files that stand unsigned', async () => {
    const file = join(cli.place, 'config', 'config.yaml');
    const before = readFileSync(file, 'utf8');
    writeFileSync(file, `concurrency: 2\n${before}people:\n  ada: [models]\n`);
    expect((await cli.run(['trust', 'on', 'models', 'hosts'])).stdout).toContain('models, hosts');
    const text = 'concurrency: 2\nrequire-signed: [models, hosts]\npeople:\n  ada: [models]\n';
    expect(readFileSync(file, 'utf8')).toBe(text);
    cli.git(['pull', '-q', '--rebase']);
    signWith(null);
    writeFileSync(join(cli.clone, 'data/models.yaml'), `${MODELS}# by nobody\n`);
    cli.git(['commit', '-qam', 'models']);
    cli.git(['push', '-q']);
    const files = async (): Promise<unknown> =>
      listOf((await cli.json(['status'])).data, 'needs')
        .filter(({ kind }) => kind === 'unsigned')
        .map(({ about }) => about);
    expect(await files()).toEqual([['data/models.yaml']]);
    expect((await cli.run(['trust', 'message', 'data/models.yaml'])).code).toBe(0);
    expect(await files()).toEqual([]);
    await cli.run(['trust', 'on', 'schedules']);
    expect(await files()).toEqual([expect.arrayContaining(['data/workflows/ship-tickets.md'])]);
    expect((await cli.run(['trust', 'message', 'data/workflows'])).code).toBe(0);
    expect(await files()).toEqual([]);
    expect((await cli.run(['trust', 'on', 'everything'])).code).toBe(2);
    expect((await cli.run(['trust', 'off'])).code).toBe(0);
    expect(readFileSync(file, 'utf8')).toContain('require-signed: none\n');
    writeFileSync(file, before);
  });

  it('lists what is known, and refuses what is not a key, naming it', async () => {
    const { data } = await cli.json(['trust', 'list']);
    expect(data).toMatchObject({ ok: true, required: ['external', 'gates'] });
    const refused = await cli.run(['trust', 'add', 'bob', '-'], { input: 'ssh-ed25519 nonsense' });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('"ssh-ed25519 nonsense"');
  });
});

describe('rights without required signatures', () => {
  it.each([['doctor'], ['status', '--config'], ['trust', 'list']])(
    'are told with what puts them in force: %s %s',
    async (...command) => {
      const file = join(cli.place, 'config', 'config.yaml');
      const before = readFileSync(file, 'utf8');
      const told = async (text: string): Promise<boolean> => {
        writeFileSync(file, text);
        const { stdout } = await cli.run(command);
        return (
          stdout.includes('"people:" says what people may do') &&
          stdout.includes('crosstalkd trust on')
        );
      };
      const people = 'people: { ada: [ask] }\n';
      expect(await told(people)).toBe(true);
      expect(await told(`${people}require-signed: [external]\n`)).toBe(false);
      writeFileSync(file, before);
    },
  );
});

describe('what would count for nobody', () => {
  const config = (): string => join(cli.place, 'config', 'config.yaml');
  it('is refused before it is pushed', async () => {
    const before = readFileSync(config(), 'utf8');
    signWith(null);
    cli.say({
      [`${GENERAL}/for-nobody.md`]: letter('deploy', 'x', 'from: ada\n'),
      [`${GENERAL}/wrong.md`]: '---\nto: echo\npriority: high\n---\nx\n',
      [`${GENERAL}/failed.md`]: letter('deploy', 'x', 'from: ada\n'),
      [`${GENERAL}/failed.re.deploy.md`]: letter('ada', 'x', 'from: deploy\nfailed: true\n'),
      [`${GENERAL}/question.md`]: letter('ada', 'Which?', 'from: deploy\nasks: answer\n'),
      'data/channels/old/x.md': letter('ada', 'x', 'from: grace\n'),
    });
    expect((await cli.run(['archive', 'old'])).code).toBe(0);
    const refs = (): string => cli.git(['for-each-ref'], cli.remote);
    const standing = refs();
    for (const [kinds, ...command] of [
      ['external', 'send', '--to', 'deploy', '-m', 'x'],
      ['hosts', 'cancel', 'for-nobody'],
      ['gates', 'ack', `${GENERAL}/wrong.md`],
      ['control', 'pause', '--all'],
      ['external', 'retry', 'failed'],
      ['external', 'answer', 'question', '-m', 'blue'],
      ['all', 'answer', 'question', '-m', 'blue'],
      ['hosts', 'archive', '--undo', 'old'],
    ] as const) {
      writeFileSync(config(), `require-signed: [${kinds}]\n`);
      const { code, stderr } = await cli.run(command);
      expect([code, stderr], command.join(' ')).toEqual([
        1,
        expect.stringContaining('git signs nothing here'),
      ]);
    }
    expect(refs()).toBe(standing);
    writeFileSync(config(), before);
  });

  it('is marked wherever it is shown, and so is what was changed', async () => {
    const before = readFileSync(config(), 'utf8');
    writeFileSync(config(), 'require-signed: [hosts]\n');
    signWith(null);
    const id = await ask('echo', 'answer me');
    await cli.answer();
    cli.git(['pull', '-q', '--rebase']);
    const [reply = ''] = cli.git(['ls-files', `*${id}.re.echo.md`]).split('\n');
    const text = `${cli.git(['show', `HEAD:${reply}`])}\n`;
    const states = async (): Promise<readonly unknown[]> => {
      const { data } = await cli.json(['thread', id]);
      return listOf(data, 'messages').map(({ state }) => state);
    };
    expect(await states()).toEqual(['answered', 'reply']);
    cli.say({ [reply]: `${text}and more\n` });
    expect((await cli.run(['lint', reply])).stdout).toContain('this host ignores it');
    expect((await cli.run(['thread', id])).stdout).toContain('[unsigned]');
    const waited = await cli.run(['wait', id, '0.1']);
    expect([waited.code, waited.stdout]).toEqual([3, '']);
    expect(waited.stderr).toContain(`no host known here has signed it: ${reply}`);
    writeFileSync(config(), 'require-signed: none\n');
    expect(await states()).toEqual(['answered', 'edited']);
    expect((await cli.run(['show', id])).stdout).toContain('(edited)');
    expect((await cli.run(['wait', id])).stderr).toContain('echo was edited since');
    expect(listOf((await cli.json(['wait', id])).data, 'replies')[0]?.['state']).toBe('edited');
    writeFileSync(config(), before);
  });
});

it('hears nothing of what was signed in another transport that was merged in', async () => {
  writeFileSync(join(cli.place, 'config', 'config.yaml'), 'require-signed: [external]\n');
  signWith('ada');
  const text = letter('deploy', 'ship it', 'from: ada\n');
  cli.git(['checkout', '-q', '--orphan', 'other']);
  cli.git(['rm', '-rqf', '.']);
  for (const name of ['first', 'second']) {
    mkdirSync(join(cli.clone, GENERAL), { recursive: true });
    writeFileSync(join(cli.clone, GENERAL, `${name}-elsewhere.md`), text);
    cli.git(['add', '-A']);
    cli.git(['commit', '-qm', name]);
  }
  cli.git(['checkout', '-q', 'main']);
  cli.git(['pull', '-q', '--rebase']);
  cli.git(['merge', '-q', '--allow-unrelated-histories', '-m', 'bring', 'other']);
  cli.git(['push', '-q']);
  const own = await ask('deploy', 'ship it here');
  await cli.answer();
  expect(await stateOf('first-elsewhere')).toBe('open');
  expect(await stateOf('second-elsewhere')).toBe('open');
  expect(await stateOf(own)).toBe('answered');
  const why = await cli.run(['why', 'second-elsewhere']);
  expect(why.stdout).toContain('is not signed');
  expect(why.stderr).toContain('another transport was merged into this one');
});
