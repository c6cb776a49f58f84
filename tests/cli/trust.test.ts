/** Signatures with real keys: who is heard, who is held back, and what lets it through. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cli, letter, listOf, startCli } from '../support/cli.ts';

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

async function ask(to: string, text: string): Promise<string> {
  const { data } = await cli.json(['send', '--to', to, '-m', text]);
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
    const { data } = await cli.json(['send', '--from', 'ada', '--to', 'deploy', '-m', 'as ada']);
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
    await cli.run(['workflow', 'approve', 'gated']);
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

describe('trust', () => {
  it('lists what is known, and refuses what is no key, naming it', async () => {
    const { data } = await cli.json(['trust', 'list']);
    expect(data).toMatchObject({ ok: true, required: ['external', 'gates'] });
    const refused = await cli.run(['trust', 'add', 'bob', '-'], { input: 'ssh-ed25519 nonsense' });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('"ssh-ed25519 nonsense"');
  });
});
