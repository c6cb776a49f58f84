// Plays an agent that speaks ACP. Its argument (JSON) says what it answers:
//   version, name, can     initialize (1, "played", {})
//   session                session/new ({sessionId: "s1", modes: plan and default})
//   refuses                method → error, for any request
//   asks                   its own request while it works; its answer is said in the text
//   updates                while it works
//   stop, result, error    the end of the prompt ("end_turn")
//   works                  true: only a cancel ends the prompt;  deaf: not even that
//   stays                  true: it does not end with its stdin
//   noise                  a line that is not JSON, first
//   mute                   a method that is never answered
// What it was sent is in the text as "heard: <methods>", when there are no updates.
import { createInterface } from 'node:readline';

const script = JSON.parse(process.argv[2] ?? '{}');
const heard = [];
let prompt = null;
const send = (message) =>
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
const update = (update) => send({ method: 'session/update', params: { sessionId: 's1', update } });
const say = (text) =>
  update({ sessionUpdate: 'agent_message_chunk', messageId: 'm', content: { type: 'text', text } });
const modes = { currentModeId: 'auto', availableModes: [{ id: 'plan' }, { id: 'default' }] };

function end(stopReason) {
  if (script.error !== undefined) send({ id: prompt, error: script.error });
  else send({ id: prompt, result: { stopReason, ...script.result } });
}

function answer({ id, method, params }) {
  if (script.mute === method) return;
  if (script.refuses?.[method] !== undefined) send({ id, error: script.refuses[method] });
  else if (method === 'initialize')
    send({
      id,
      result: {
        protocolVersion: script.version ?? 1,
        agentInfo: { name: script.name ?? 'played', version: '1.0' },
        agentCapabilities: script.can ?? {},
      },
    });
  else if (method === 'session/new') {
    update({ sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'a banner' } });
    send({ id, result: script.session ?? { sessionId: 's1', modes } });
  } else if (method === 'session/prompt') {
    prompt = id;
    for (const one of script.updates ?? []) update(one);
    if (script.updates === undefined)
      say(`heard: ${heard.join(' ')}; prompt: ${params.prompt[0].text}`);
    if (script.asks !== undefined) send({ id: 900, ...script.asks });
    else if (script.works !== true) end(script.stop ?? 'end_turn');
  } else send({ id, result: {} });
}

if (script.noise !== undefined) process.stdout.write(`${script.noise}\n`);
createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line);
  if (message.id === 900) {
    say(`got: ${JSON.stringify(message.result ?? message.error.code)}`);
    end(script.stop ?? 'end_turn');
    return;
  }
  const { modeId, mcpServers = [] } = message.params ?? {};
  const servers = mcpServers.map(({ name, command, args }) => `+${name}:${[command, ...args]}`);
  heard.push(message.method + (modeId === undefined ? '' : `=${modeId}`) + servers.join(''));
  if (message.method === 'session/cancel') {
    if (script.deaf !== true) end('cancelled');
  } else answer(message);
});
if (script.stays === true) setInterval(() => undefined, 60_000);
