/**
 * The tools of `crosstalkd mcp`, called by the SDK's own client over the built program's standard
 * input and output.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fleet, startFleet } from '../support/fleet.ts';

const BIN = resolve(import.meta.dirname, '../../bin/crosstalkd.js');
let fleet: Fleet;
const clients: Client[] = [];

beforeEach(async () => {
  fleet = await startFleet('models:\n  a: { adapter: command, command: [cat], effects: none }\n');
  fleet.say({ 'data/models.yaml': 'models:\n  a: { adapter: command, command: [cat] }\n' });
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await fleet.close();
});

async function connect(
  env: Readonly<Record<string, string>> = {},
  ...options: readonly string[]
): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  const args = [BIN, 'mcp', '-C', fleet.clone, ...options];
  await client.connect(
    new StdioClientTransport({
      command: process.execPath,
      args,
      env: { ...fleet.env, ...env },
      stderr: 'ignore',
    }),
  );
  clients.push(client);
  return client;
}

async function call(client: Client, name: string, args: Record<string, unknown> = {}) {
  const result = await client.callTool({ name, arguments: args }, undefined, { timeout: 120_000 });
  const [first] = result.content as { text: string }[];
  return {
    isError: result.isError,
    data: JSON.parse(first?.text ?? 'null') as Record<string, unknown>,
  };
}

describe('mcp', () => {
  it('lists its tools, sends, waits, reads and explains', async () => {
    const client = await connect();
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        'send',
        'wait',
        'channels',
        'log',
        'show',
        'thread',
        'search',
        'status',
        'why',
        'workflow_run',
      ]),
    );
    expect(tools.find(({ name }) => name === 'show')?.inputSchema.required).toEqual(['id']);
    fleet.start('h');
    const sent = await call(client, 'send', { to: 'a', message: 'hello over tools' });
    expect(sent).toMatchObject({ isError: false, data: { ok: true } });
    const id = String(sent.data['id']);
    expect(await call(client, 'wait', { id, s: '2m' })).toMatchObject({ isError: false });
    expect(JSON.stringify(await call(client, 'show', { id }))).toContain('hello over tools');
    for (const [tool, args] of [
      ['channels', {}],
      ['log', { number: '5' }],
      ['thread', { id }],
      ['search', { text: 'hello over' }],
      ['status', {}],
      ['why', { id }],
      ['workflow_list', {}],
    ] as const)
      expect(await call(client, tool, args), tool).toMatchObject({ isError: false });
  });

  it('starts a workflow, shows it, approves and denies its gate, and gives what came of it', async () => {
    fleet.say({
      'data/workflows/gated.md':
        '---\nname: gated\ninputs: { about: { type: string, required: true } }\nmodel: a\nsteps:\n  ok: { ask: { title: "Go on?" } }\n  then: { needs: [ok], prompt: "on ${{ inputs.about }}" }\n---\n',
    });
    fleet.start('h');
    const client = await connect({}, '--allow-decisions');
    const start = async (about: string): Promise<{ run: string; id: string }> => {
      const { isError, data } = await call(client, 'workflow_run', {
        name: 'gated',
        input: `about=${about}`,
      });
      expect(isError).toBe(false);
      return { run: String(data['run']), id: String(data['marker']) };
    };
    const [yes, no] = [await start('birds'), await start('bees')];
    for (const { run } of [yes, no])
      await fleet.untilPulled(() =>
        existsSync(join(fleet.clone, `data/channels/${run}/gates/ok/ask.md`)),
      );
    expect(await call(client, 'workflow_show', { run: yes.run })).toMatchObject({
      isError: false,
      data: { status: 'waiting-human', gates: [{ gate: 'ok', state: 'open' }] },
    });
    expect(
      await call(client, 'workflow_approve', { run: yes.run, gate: 'ok', message: 'go' }),
    ).toMatchObject({ isError: false });
    expect(
      await call(client, 'workflow_deny', { run: no.run, message: 'too many bees' }),
    ).toMatchObject({ isError: false });
    expect(await call(client, 'wait', { id: yes.id, s: '2m' })).toMatchObject({ isError: false });
    const denied = await call(client, 'wait', { id: no.id, s: '2m' });
    expect(JSON.stringify(denied)).toContain('too many bees');
    const shown = await call(client, 'workflow_show', { run: yes.run });
    expect(shown).toMatchObject({
      isError: false,
      data: { status: 'succeeded', gates: [{ decision: 'approve' }] },
    });
    expect(String(shown.data['reply'])).toContain('on birds');
    expect(await call(client, 'workflow_show', { run: no.run })).toMatchObject({
      data: { status: 'failed', gates: [{ decision: 'deny' }] },
    });
    const again = await call(client, 'workflow_deny', { run: no.run });
    expect(again).toMatchObject({ isError: true, data: { ok: false } });
  });

  it('refuses what does not fit, with the command that fixes it, and reads no file of the machine', async () => {
    const client = await connect();
    expect(await call(client, 'show', { id: 'nothing' })).toMatchObject({
      isError: true,
      data: { error: { code: 'NOT_FOUND' } },
    });
    expect(
      await call(client, 'send', { file: '/etc/passwd', to: 'a', message: 'x' }),
    ).toMatchObject({ isError: true });
    expect(await call(client, 'workflow_run', { name: './evil.md' })).toMatchObject({
      isError: true,
      data: { error: { code: 'USAGE' } },
    });
    expect(
      await call(client, 'workflow_run', { name: 'w', input: 'x=@/etc/passwd' }),
    ).toMatchObject({ isError: true });
    const refused = async (name: string, args: Record<string, unknown>): Promise<string> => {
      const { isError, data } = await call(client, name, args);
      expect(isError).toBe(true);
      const { message, fix } = data['error'] as { message: string; fix: { command: string[] } };
      // What helps works where it is read.
      if (fix.command.length > 0)
        expect(fix.command.slice(0, 3), name).toEqual(['crosstalkd', '-C', fleet.clone]);
      expect(fix.command).not.toContain('COMMAND');
      return message;
    };
    expect(await refused('workflow_show', { run: 'none' })).toContain('none');
    expect(await refused('workflow_approve', { run: 'none' })).toContain(
      'no tool "workflow_approve"',
    );
    expect(await refused('workflow_run', { name: 'nowhere' })).toContain('nowhere');
    expect(await refused('wait', {})).toContain('"id" is missing');
    expect(await refused('show', { id: 7, more: true })).toContain(
      '"more" is not known; expected id',
    );
    expect(await refused('show', { id: { deep: 1 } })).toContain(
      'expected a text, found {"deep":1}',
    );
    expect(await refused('erase', {})).toContain('no tool "erase"');
  });

  it('does inside of an agent what send may do there, and steers no run', async () => {
    fleet.say({ 'data/channels/general/q.md': '---\nto: a\n---\nx\n' });
    const agent = {
      CROSSTALK_MESSAGE: 'data/channels/general/q.md',
      CROSSTALK_MODEL: 'a',
      CROSSTALK_HOPS: '1',
    };
    const refused = { isError: true, data: { error: { code: 'REFUSED' } } };
    expect(
      await call(await connect(agent), 'send', { to: 'maintainer', message: 'x' }),
    ).toMatchObject(refused);
    const allowed = await connect({ ...agent, CROSSTALK_SEND: '*', CROSSTALK_HOPS: '9' });
    expect(await call(allowed, 'send', { to: 'maintainer', message: 'x' })).toMatchObject(refused);
    const deciding = await connect({ ...agent, CROSSTALK_SEND: '*' }, '--allow-decisions');
    for (const tool of ['workflow_approve', 'workflow_deny', 'workflow_run'])
      expect(await call(deciding, tool, { run: 'x', name: 'x' }), tool).toMatchObject({
        isError: true,
      });
    expect(await call(deciding, 'workflow_approve', { run: 'x' })).toMatchObject(refused);
  });
});
