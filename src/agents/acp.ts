/**
 * Any agent that speaks the Agent Client Protocol, version 1, over its standard input and output:
 * `adapter: acp, command: [gemini, --acp]`. Which agents were seen: agents/README.md.
 */
import { CHECKOUT_FILES } from '../protocol/checkout-files.ts';
import { serversProblem } from './acp-servers.ts';
import { createAcpTalk } from './acp-talk.ts';
import { withPersona, type Adapter, type Invocation, type InvocationRequest } from './adapter.ts';
import { failureFrom } from './failure-signs.ts';
import { recordOfLine } from './json-values.ts';
import { withoutCommand } from './prompt-text.ts';

/** The adapter for agents that speak ACP. */
export const acp: Adapter = {
  name: 'acp',
  options: ['session-mode', 'asks', 'mcp-servers'],
  modes: ['read', 'write'],
  // Kept here: what was said outside the protocol; the talk keeps the rest.
  output: {
    kind: 'json-lines',
    view: (line) => ({ keep: recordOfLine(line) === null, show: null }),
  },
  sessionsByDirectory: true,
  runsFromCheckout: [...new Set(Object.values(CHECKOUT_FILES).flat())],
  invoke,
  talk: createAcpTalk,
  parse: (output) => failureFrom({ text: output.stderr, fallback: 'invalid' }, output),
  detection: null,
};

function invoke(request: InvocationRequest): Invocation {
  const [program, ...args] = request.entry.command;
  if (program === undefined)
    return {
      kind: 'refused',
      why: '"adapter: acp" needs "command: [program, argument, …]", such as [gemini, --acp]',
    };
  const problem = serversProblem(request.entry);
  if (problem !== null) return { kind: 'refused', why: `options: ${problem}` };
  return {
    kind: 'invocation',
    program,
    args,
    env: {
      // "@path" in a prompt would be replaced by that file, from anywhere on the host.
      CLAUDE_CODE_DISABLE_FILE_MENTIONS: '1',
      // Its own ten tries take minutes, in silence.
      CLAUDE_CODE_MAX_RETRIES: '2',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      GEMINI_CLI_NO_RELAUNCH: 'true',
    },
    files: {},
    input: withoutCommand(withPersona(request)),
  };
}
