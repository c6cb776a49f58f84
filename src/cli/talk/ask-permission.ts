/**
 * The agent's side of a permission: `crosstalkd ask --permission` for programs that ask by a
 * command, `crosstalkd mcp --permissions` for claude. Both wait until a person has answered; the
 * question and its answer are the dispatcher's.
 */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { ASK_VARIABLE, askAtDesk } from '../../agents/ask-desk.ts';
import type { PermissionAsked } from '../../agents/agent.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { fixBy, fixByHand } from '../../base/fix.ts';
import { type Invocation, option } from '../command.ts';
import { plain } from '../io.ts';
import { printDone } from '../look/reading.ts';
import { VERSION } from '../version.ts';

/** Asks whether it may do what `-m` says; exit 0: for this once, 1: it may not. */
export async function askPermission(invocation: Invocation): Promise<number> {
  const text = (option(invocation, 'message') ?? (await invocation.io.readStdin())).trim();
  if (text === '')
    throw new CrosstalkError('USAGE', 'the text is empty; expected what you want to do', {
      fix: fixBy`crosstalkd ask --permission -m TEXT`,
    });
  const [title = ''] = text.split('\n');
  const isAllowed = await askAtDesk(deskOf(invocation), { title, kind: null, input: text });
  printDone(invocation, { allowed: isAllowed }, () =>
    plain(isAllowed ? 'allowed, for this once' : 'denied'),
  );
  return isAllowed ? 0 : 1;
}

function deskOf({ env }: Invocation): string {
  const path = env[ASK_VARIABLE] ?? '';
  if (path !== '') return path;
  throw new CrosstalkError('REFUSED', 'nobody can be asked for a permission here', {
    fix: fixByHand('"permissions: ask" in the entry of the model, and a call inside its attempt'),
  });
}

const TOOL = {
  name: 'permission',
  description: 'Asks a person whether a tool may be used, once',
  inputSchema: {
    type: 'object' as const,
    properties: { tool_name: { type: 'string' }, input: { type: 'object' } },
    required: ['tool_name', 'input'],
  },
};

/** Serves claude's `--permission-prompt-tool`, and nothing else, until standard input ends. */
export async function servePermissions(invocation: Invocation): Promise<number> {
  const desk = deskOf(invocation);
  const served = new McpServer(
    { name: 'crosstalkd', version: VERSION },
    { capabilities: { tools: {} } },
  );
  served.server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [TOOL] }));
  served.server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    const { tool_name: tool, input } = params.arguments ?? {};
    const isAllowed = await askAtDesk(desk, describeTool(tool, input));
    const said = isAllowed
      ? { behavior: 'allow', updatedInput: input }
      : { behavior: 'deny', message: 'No person has allowed it.' };
    return { content: [{ type: 'text' as const, text: JSON.stringify(said) }] };
  });
  const ended = new Promise<void>((done) => {
    process.stdin.once('end', done);
    served.server.onclose = done;
  });
  await served.connect(new StdioServerTransport());
  await ended;
  await served.close();
  return 0;
}

function describeTool(tool: unknown, input: unknown): PermissionAsked {
  const title = typeof tool === 'string' && tool !== '' ? tool : 'a tool';
  return { title, kind: null, input: JSON.stringify(input ?? null, null, 2) };
}
