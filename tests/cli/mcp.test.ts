/** The tools of `crosstalkd mcp`, called by the SDK's own client over the built program's standard input and output. */
import { resolve } from 'node:path';
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

async function connect(env: Readonly<Record<string, string>> = {}): Promise<Client> {
  const client = new Client({ name: 'test', version: '1' });
  const args = [BIN, 'mcp', '-C', fleet.clone];
  await client.connect(new StdioClientTransport({ command: process.execPath, args, env: { ...fleet.env, ...env }, stderr: 'ignore' }));
  clients.push(client);
  return client;
}

async function call(client: Client, name: string, args: Record<string, unknown> = {}) {
  const result = await client.callTool({ name, arguments: args }, undefined, { timeout: 120_000 });
  const [first] = result.content as { text: string }[];
  return { isError: result.isError, data: JSON.parse(first?.text ?? 'null') as Record<string, unknown> };
}

describe('mcp', () => {
  it('lists its tools, sends, waits, reads and explains', async () => {
    const client = await connect();
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['send', 'wait', 'channels', 'log', 'show', 'thread', 'search', 'status', 'why', 'workflow_run']),
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

  it('refuses what does not fit, with the command that fixes it, and reads no file of the machine', async () => {
    const client = await connect();
    expect(await call(client, 'show', { id: 'nothing' })).toMatchObject({ isError: true, data: { error: { code: 'NOT_FOUND' } } });
    expect(await call(client, 'send', { file: '/etc/passwd', to: 'a', message: 'x' })).toMatchObject({ isError: true });
    expect(await call(client, 'workflow_run', { name: './evil.md' })).toMatchObject({ isError: true, data: { error: { code: 'USAGE' } } });
    expect(await call(client, 'workflow_run', { name: 'w', input: 'x=@/etc/passwd' })).toMatchObject({ isError: true });
  });

  it('does inside of an agent what send may do there, and steers no run', async () => {
    fleet.say({ 'data/channels/general/q.md': '---\nto: a\n---\nx\n' });
    const agent = { CROSSTALK_MESSAGE: 'data/channels/general/q.md', CROSSTALK_MODEL: 'a', CROSSTALK_HOPS: '1' };
    const refused = { isError: true, data: { error: { code: 'REFUSED' } } };
    expect(await call(await connect(agent), 'send', { to: 'maintainer', message: 'x' })).toMatchObject(refused);
    const allowed = await connect({ ...agent, CROSSTALK_SEND: '1', CROSSTALK_HOPS: '9' });
    expect(await call(allowed, 'send', { to: 'maintainer', message: 'x' })).toMatchObject(refused);
    expect(await call(allowed, 'workflow_approve', { run: 'x' })).toMatchObject({ isError: true });
  });
});
