/** What honest hosts, people and agents write: where the fuzzer begins. */
import { createPrivateKey } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { formatBeat } from '../../src/protocol/beat.ts';
import { formatClaim } from '../../src/protocol/claim.ts';
import { formatControl } from '../../src/protocol/control.ts';
import { signSsh, sshKeyOf } from '../../src/protocol/ssh-signature.ts';
import { formatStart } from '../../src/protocol/started.ts';
import { formatTrailers } from '../../src/protocol/trailers.ts';
import { formatCommit, formatSignedCommit } from '../../src/transport/commit-codec.ts';
import type { Oid } from '../../src/base/ids.ts';

const SAVED = resolve(import.meta.dirname, '../../template/data/workflows');
const OID = 'b'.repeat(40) as Oid;
/** One and the same in every run, so that a seed always begins with the same bytes. */
const PRIVATE_KEY = createPrivateKey({
  key: Buffer.from(`302e020100300506032b657004220420${'17'.repeat(32)}`, 'hex'),
  format: 'der',
  type: 'pkcs8',
});
const KEY = sshKeyOf(PRIVATE_KEY);
const AT_MS = Date.parse('2026-11-21T06:40:20Z');

const claim = {
  message: 'data/channels/general/2026/11/21/064020123Z-01JD0000000000000000000000.md',
  blob: OID,
  recipient: 'opus',
  alias: 'mbp',
  instance: '0123456789abcdef',
  run: 'fedcba9876543210',
  attempt: 2,
  nonce: 'a1b2c3d4e5f60718',
  effects: 'external',
} as const;

const messages = [
  '---\nto: opus\nfrom: ada\n---\nhello\n',
  '---\nto: [opus, gpt@mbp]\nfrom: Ada Lovelace\nsubject: "a: b"\nre: ../x.md\nhops: 3\nwait: true\npriority: -2\n---\nbody\n---\nmore\n',
  '---\r\nto: all\r\nfrom: ada\r\nfiles:\r\n  - data/a.txt\r\n  - data/b.txt\r\n---\r\nbody\r\n',
  '---\nto: workflow\nfrom: opus\nfailed: true\nerror: timeout\nmodel: opus\nhost: mbp\nattempt: 1\nduration_ms: 1200.5\ntokens_in: 10\ntokens_out: 5\ncost_usd: 0.1\nsession: s1\n---\nit did not work\n',
  '---\nto: maintainer\nop: rework\nproject: shop\nas: critic\neffects: none\nfallback: [gpt]\ntimeout_minutes: 5\nretries: data/channels/general/m.md\ntimestamp: 2026-11-21T06:40:20.123Z\n---\n',
];

export const MARKER =
  '---\nto: workflow\nfrom: maintainer\ntype: workflow\nmodel: opus\ninputs: { n: { type: number, default: 2 } }\nsteps:\n  plan: { prompt: plan, schema: { type: object, required: [items], properties: { items: { type: array, items: { type: object, properties: { id: { type: string } } } } } } }\n  build:\n    needs: [plan]\n    each: "${{ steps.plan.json.items }}"\n    continue-on-error: true\n    repeat: { until: "${{ steps.test.json.green }}", max: 3, on-max: last }\n    steps:\n      make: { prompt: "${{ item.id }} ${{ loop.n }}", model: [opus, gpt] }\n      test: { needs: [make], model: ci, prompt: go, schema: { type: object, required: [green], properties: { green: { type: boolean } } } }\n  gate: { needs: [build], ask: { title: ok, approvers: [maintainer] } }\n  panel: { needs: [gate], models: [opus, gemini, gpt], prompt: "${{ steps.build.text }}", join: { model: sonnet } }\nfinally:\n  clean: { prompt: "end ${{ steps.panel.status == \'succeeded\' && inputs.n > 1 }}" }\n---\ngo\n';

const plans = [
  MARKER,
  ...readdirSync(SAVED)
    .filter((name) => name.endsWith('.md'))
    .map((name) => readFileSync(join(SAVED, name), 'utf8')),
  '---\ndescription: nightly\non: { schedule: "0 6 * * 1-5", channel: ops, catch-up: last }\nsteps:\n  a: { prompt: go, model: opus, retries: 2 }\n---\n',
  '---\nto: workflow\nfrom: ada\nuses: vote-of-four\nwith: { question: "why?" }\n---\n',
];

const models = [
  'models:\n  opus: { adapter: claude, model: opus, effects: external, concurrency: 2, options: { mode: write } }\n  ci:\n    adapter: command\n    command: [node, ci.mjs, "{prompt}"]\n    effects: none\n    timeout-minutes: 10\n    env: [TOKEN]\n  local: { adapter: http, url: "http://127.0.0.1:8080/v1", dialect: openai, model: x }\ncompile-model: [opus, gpt]\n',
  'opus: claude -p\ngpt: "codex exec"\n',
];

const budgets = [
  'usd-per-day: 20\ntokens-per-day: 1000000\nmodels:\n  opus: { usd-per-day: 5.5, runs-per-hour: 10 }\n  gpt: { tokens-per-day: 1e6 }\n',
];

const records = [
  formatClaim(claim),
  formatStart(claim, AT_MS),
  formatControl({ op: 'drain', by: 'ada', runs: [claim.run, claim.nonce] }),
  formatBeat({
    alias: 'mbp',
    instance: claim.instance,
    run: claim.run,
    count: 7,
    version: '8.0.0',
    state: 'running',
    slots: 4,
    busy: 1,
    pollMs: 5_000,
    models: ['opus', 'gpt'],
    blocked: [
      { model: 'gpt', why: { kind: 'failed', class: 'limit', detail: 'spent' }, untilMs: AT_MS },
    ],
    wake: '[fd00::5]:7420',
    key: KEY,
    atMs: AT_MS,
  }),
];

const ada = { name: 'Ada', email: 'ada@example.org' };
const commitParts = {
  tree: OID,
  parents: [OID],
  author: ada,
  committer: ada,
  atMs: AT_MS,
  message: `opus answers\n\nwords\n\n${formatTrailers([
    ['Re', claim.message],
    ['Host', 'mbp'],
    ['Attempt', '2'],
  ])}`,
};
const signed = await formatSignedCommit(
  commitParts,
  (payload) => Promise.resolve(signSsh(payload, PRIVATE_KEY)),
  false,
);

const signatures = [signSsh(Buffer.from('payload'), PRIVATE_KEY)];
const signers = [
  `# people\nada,ada@example.org namespaces="git" ${KEY} comment\nhost/mbp ${KEY}\nbob ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAQQC7\n`,
];

const expressions = [
  "steps.a.json.items[0].id == 'x' && !(inputs.n >= 2 || false)",
  "join(steps.build.*.text, ', ')",
  'length(steps.a.json.items) > 0 && contains(steps.a.text, "yes")',
  "a ${{ steps.a.text }} b ${{ fromJson('[1,2]')[1] }} c",
];

const schemas = [
  '{"type":"object","required":["a"],"properties":{"a":{"type":"array","items":{"type":"string","minLength":1},"uniqueItems":true},"b":{"enum":[1,null,"x"]}},"additionalProperties":false}',
  '{"anyOf":[{"type":"integer","minimum":0},{"not":{"type":"string"}},{"oneOf":[true,false]}]}',
];

const outputs = [
  '{"type":"system","subtype":"init","session_id":"s1"}\n{"type":"result","subtype":"success","is_error":false,"result":"hi","session_id":"s1","total_cost_usd":0.25,"usage":{"input_tokens":100,"output_tokens":7}}\n',
  '{"type":"thread.started","thread_id":"t1"}\n{"type":"item.completed","item":{"type":"agent_message","text":"hi"}}\n{"type":"turn.completed","usage":{"input_tokens":10,"output_tokens":2}}\n',
  '{"response":"hi","stats":{"models":{"g":{"tokens":{"prompt":3,"candidates":4}}}}}\n',
  '{"type":"text","sessionID":"s","part":{"type":"text","text":"hi"}}\n{"type":"step_finish","part":{"cost":0.1,"tokens":{"input":3,"output":4}}}\n',
  'Error: 429 rate limit, try again in 20 minutes\nusage limit reached|1763712000\n',
  'Here it is:\n```json\n{"items":[{"id":"a"}]}\n```\nand [1] too\n',
];

const paths = [
  claim.message,
  'data/channels/general/m.re.opus.md\ndata/channels/run-x/steps/a/one/task.md\ndata/channels/run-x/gates/g.r2/ask.md',
  'data/channels/general/m.started.opus\nmbp.0123456789abcdef\nopus@mbp\n[fd00::5]:7420\nR3/P1Y\n1h30m',
];

const asBytes = (texts: readonly string[]): readonly Buffer[] =>
  texts.map((text) => Buffer.from(text));

/** By kind. */
export const CORPUS = {
  messages: asBytes(messages),
  plans: asBytes(plans),
  models: asBytes(models),
  budgets: asBytes(budgets),
  records: asBytes(records),
  commits: asBytes([formatCommit(commitParts), signed]),
  signatures: asBytes(signatures),
  signers: asBytes(signers),
  expressions: asBytes(expressions),
  schemas: asBytes(schemas),
  outputs: asBytes(outputs),
  paths: asBytes(paths),
} as const;

/** Everything, for splices. */
export const ALL: readonly Buffer[] = Object.values(CORPUS).flat();
