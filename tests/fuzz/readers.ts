/**
 * What reads a stranger's bytes, each with what has to hold of it: it gives a value and does not
 * throw, and what it gave, written again, is read as the same.
 */
import { deepStrictEqual } from 'node:assert';
import { formatIso, parseIso } from '../../src/base/clock.ts';
import { parseDuration } from '../../src/base/duration.ts';
import type { Oid } from '../../src/base/ids.ts';
import { hasUnsafe, oneLine, plainText } from '../../src/base/plain-text.ts';
import type { ProgramOutput } from '../../src/agents/adapter.ts';
import { ADAPTERS } from '../../src/agents/adapters.ts';
import { cleanOutput } from '../../src/agents/clean-output.ts';
import { formatAddress, parseAddress, parseSender } from '../../src/protocol/address.ts';
import { beatName, formatBeat, parseBeat, parseBeatName } from '../../src/protocol/beat.ts';
import { decodeBudgets } from '../../src/protocol/budgets.ts';
import { formatClaim, parseClaim } from '../../src/protocol/claim.ts';
import { formatControl, parseControl } from '../../src/protocol/control.ts';
import { readFrontMatter, writeFrontMatter } from '../../src/protocol/front-matter.ts';
import { decodeMessage, formatMessage, type MessageFields } from '../../src/protocol/message.ts';
import { decodeModels } from '../../src/protocol/decode-models.ts';
import { parseGatePath, parseMessagePath, parseTaskPath } from '../../src/protocol/paths.ts';
import { verifySsh } from '../../src/protocol/ssh-signature.ts';
import { formatStart, readStart } from '../../src/protocol/started.ts';
import { formatTrailers, readTrailers } from '../../src/protocol/trailers.ts';
import { formatSigner, parseSigners } from '../../src/protocol/trust.ts';
import { formatWakeAddress, parseWakeAddress } from '../../src/protocol/wake-address.ts';
import { readYamlMapping, writeYaml } from '../../src/protocol/yaml.ts';
import { formatCommit, parseCommit, splitSignature } from '../../src/transport/commit-codec.ts';
import { checkWorkflow } from '../../src/workflow/language/check.ts';
import { evaluate, type Values } from '../../src/workflow/language/expression-evaluate.ts';
import { parseExpression } from '../../src/workflow/language/expression-parse.ts';
import {
  canonicalJson,
  type Json,
  jsonValues,
  parseJson,
} from '../../src/workflow/language/json.ts';
import { findFitting, sampleOf, schemaProblems } from '../../src/workflow/language/schema.ts';
import { evaluateTemplate, parseTemplate } from '../../src/workflow/language/template.ts';
import { RunTooLarge } from '../../src/workflow/language/too-large.ts';
import { readAnswer } from '../../src/workflow/run/answer.ts';
import { formatHeader, parseHeader } from '../../src/workflow/run/header.ts';
import { scheduleProblem } from '../../src/workflow/run/schedule.ts';
import { readTask } from '../../src/workflow/run/task-view.ts';
import { CORPUS } from './corpus.ts';
import { foldWith, HEADERS, RUN_FILES } from './runs.ts';

export interface Reader {
  readonly name: string;
  readonly corpus: readonly Buffer[];
  /** Throws when something does not hold. `origin`: the index in `corpus` of what was mutated. */
  readonly read: (bytes: Buffer, origin: number) => void;
}

const AT = 'data/channels/general/m.md';
const OID = 'b'.repeat(40) as Oid;
const NOW_MS = Date.parse('2026-11-21T12:00:00Z');
/** The longest head and YAML that are read; what is longer when written again is no fault. */
const HEAD_CHARS_MAX = 60_000;
const YAML_CHARS_MAX = 1_000_000;
const MODELS = ['opus', 'gpt', 'ci'];
const VALUES: Values = new Map<string, Json>([
  ['inputs', { n: 2, question: 'why?' }],
  ['steps', { a: { text: 'yes', json: { items: [{ id: 'x' }, { id: null }] } }, build: ['p', 1] }],
  ['item', { id: 'a', list: Array.from({ length: 40 }, (_, at) => at) }],
]);
const CHECK_OPTIONS = {
  models: MODELS,
  served: new Map([['opus', ['mbp']]]),
  savedWorkflow: () => null,
  schemaFile: () => null,
};

export const READERS: readonly Reader[] = [
  { name: 'message', corpus: CORPUS.messages, read: readMessageFile },
  { name: 'front matter', corpus: CORPUS.messages, read: readHead },
  { name: 'yaml', corpus: CORPUS.models, read: readYaml },
  { name: 'models.yaml', corpus: CORPUS.models, read: ofText(decodeModels) },
  { name: 'budgets.yaml', corpus: CORPUS.budgets, read: ofText(decodeBudgets) },
  { name: 'records', corpus: CORPUS.records, read: ofText(readRecords) },
  { name: 'commit', corpus: CORPUS.commits, read: readCommit },
  { name: 'signature', corpus: CORPUS.signatures, read: ofText(verifyPayload) },
  { name: 'signers', corpus: CORPUS.signers, read: ofText(readSigners) },
  { name: 'plan', corpus: CORPUS.plans, read: ofText(readPlan) },
  { name: 'expression', corpus: CORPUS.expressions, read: ofText(readExpression) },
  { name: 'schema', corpus: CORPUS.schemas, read: ofText(readSchema) },
  { name: 'answer', corpus: CORPUS.outputs, read: readOutput },
  ...Object.entries(ADAPTERS).map(([name, { parse }]) => ({
    name: `output of ${name}`,
    corpus: CORPUS.outputs,
    read: (bytes: Buffer) => void parse(programOutput(bytes)),
  })),
  { name: 'names and paths', corpus: CORPUS.paths, read: ofText(readNames) },
  { name: 'RUN.json', corpus: HEADERS, read: ofText(readHeader) },
  { name: 'a file of a run', corpus: RUN_FILES, read: foldWith },
];

function ofText(read: (text: string) => unknown): Reader['read'] {
  return (bytes) => void read(bytes.toString('utf8'));
}

/** Fails unless reading what `write` makes of a value gives the value. */
function expectSame<T>(value: T | null, write: (value: T) => string, read: Read<T>): void {
  if (value !== null) deepStrictEqual(plain(read(write(value))), plain(value));
}
type Read<T> = (text: string) => T | null;

/** The same data with and without prototypes are one. */
function plain(value: unknown): unknown {
  return JSON.stringify(value);
}

function readMessageFile(bytes: Buffer): void {
  const read = decodeMessage(bytes, AT);
  readTask(bytes.toString('utf8'));
  if (read.kind === 'rejected') return;
  const { fields, body } = read.message;
  const text = formatMessage(newMessageOf(fields), body);
  if (text.length - body.length > HEAD_CHARS_MAX || Buffer.byteLength(text) > YAML_CHARS_MAX)
    return;
  const again = decodeMessage(Buffer.from(text), AT);
  if (again.kind === 'rejected') throw new Error(`written again: ${JSON.stringify(again)}`);
  deepStrictEqual(plain(newMessageOf(again.message.fields)), plain(newMessageOf(fields)));
  deepStrictEqual(again.message.body.trimEnd(), body.trimEnd());
}

function newMessageOf(fields: MessageFields) {
  return {
    to: fields.to.map(formatAddress),
    from: fields.from ?? 'someone',
    timestamp: formatIso(fields.timestampMs ?? NOW_MS),
    re: fields.re,
    subject: fields.subject ?? undefined,
    as: fields.as ?? undefined,
    hops: fields.hops,
    wait: fields.wait,
    priority: fields.priority,
    project: fields.project ?? undefined,
    files: fields.files.length === 0 ? undefined : fields.files,
    retries: fields.retries ?? undefined,
    op: fields.op ?? undefined,
  };
}

function readHead(bytes: Buffer): void {
  const read = readFrontMatter(bytes);
  if (read.kind === 'rejected') return;
  // Nothing is written of a field without a value.
  const fields = Object.fromEntries(
    Object.entries(read.fields).filter(([, value]) => typeof value === 'string'),
  );
  const text = writeFrontMatter(fields, 'body\n');
  if (text.length > HEAD_CHARS_MAX) return;
  const again = readFrontMatter(Buffer.from(text));
  deepStrictEqual(plain(again.kind === 'read' ? again.fields : again), plain(fields));
}

function readYaml(bytes: Buffer): void {
  const text = bytes.toString('utf8');
  readYamlMapping(text, 'text');
  const read = readYamlMapping(text, 'typed');
  if (read.kind === 'refused') return;
  const written = writeYaml(read.value);
  if (written.length > YAML_CHARS_MAX) return;
  const again = readYamlMapping(written, 'typed');
  deepStrictEqual(plain(again.kind === 'mapping' ? again.value : again), plain(read.value));
}

const MARK = { path: `${AT.slice(0, -3)}.started.opus`, isAnswered: false };

function readRecords(text: string): void {
  const claim = parseClaim(text);
  expectSame(claim, formatClaim, parseClaim);
  expectSame(parseControl(text), formatControl, parseControl);
  const beat = parseBeat(text);
  expectSame(beat, formatBeat, parseBeat);
  readStart(MARK, text);
  if (beat !== null)
    deepStrictEqual(parseBeatName(beatName(beat)), { alias: beat.alias, instance: beat.instance });
  if (claim === null) return;
  const { blob, alias, instance, nonce } = claim;
  const started = readStart(MARK, formatStart(claim, NOW_MS));
  deepStrictEqual(started?.by, { blob, alias, instance, nonce });
}

function readCommit(bytes: Buffer): void {
  splitSignature(bytes);
  const commit = parseCommit(OID, bytes);
  if (commit === null) return;
  readTrailers(commit.message, 'Re');
  const { tree, parents, author, committer, authoredMs, message } = commit;
  const parts = { tree, parents, author, committer, atMs: authoredMs, message };
  const again = parseCommit(OID, Buffer.from(formatCommit(parts)));
  deepStrictEqual(again?.parents, parents);
  deepStrictEqual(again.message, message.replaceAll('\0', '').replace(/(?<!\n)\n+$/, ''));
  const value = oneLine(message, 300);
  const trailers = value === '' ? [] : [value];
  deepStrictEqual(readTrailers(`x\n\n${formatTrailers([['Run', message]])}`, 'Run'), trailers);
}

function verifyPayload(text: string): void {
  verifySsh(Buffer.from('payload'), text);
}

function readSigners(text: string): void {
  for (const [principal, keys] of parseSigners(text).signers)
    for (const key of keys) {
      const { signers } = parseSigners(formatSigner(principal, key));
      if (!principal.startsWith('#') && principal !== '')
        deepStrictEqual([...signers], [[principal, new Set([key])]]);
    }
}

function readPlan(text: string): void {
  checkWorkflow(text, CHECK_OPTIONS);
  scheduleProblem(text);
}

function readExpression(text: string): void {
  const read = parseExpression(text);
  if (read.kind === 'expression') unlessTooLarge(() => evaluate(read.expression, VALUES));
  const template = parseTemplate(text);
  unlessTooLarge(() => evaluateTemplate(template, VALUES));
}

/** What is too large ends its run: of all errors the one that is expected. */
function unlessTooLarge(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof RunTooLarge)) throw error;
  }
}

function readSchema(text: string): void {
  const schema = parseJson(text);
  if (schema === undefined) return;
  deepStrictEqual(parseJson(canonicalJson(schema)), parseJson(JSON.stringify(schema)));
  if (schemaProblems(schema).length > 0) return;
  findFitting(schema, '{"a":["x","x"],"b":null}');
  findFitting(schema, text);
  sampleOf(schema);
}

/** Of every second length half is told on stderr. */
function programOutput(bytes: Buffer): ProgramOutput {
  const text = bytes.toString('utf8');
  const cut = bytes.length % 2 === 0 ? text.length : Math.floor(text.length / 2);
  const [stdout, stderr] = [text.slice(0, cut), text.slice(cut)];
  return {
    stdout,
    stderr,
    exitCode: bytes.length % 3,
    signal: null,
    resumed: false,
    nowMs: NOW_MS,
  };
}

function readOutput(bytes: Buffer): void {
  const text = bytes.toString('utf8');
  cleanOutput(bytes);
  jsonValues(text);
  readAnswer(text);
  const safe = plainText(text);
  deepStrictEqual(plainText(safe), safe);
  deepStrictEqual(hasUnsafe(safe.replace(/[\t\n]/g, '')), false);
}

function readNames(text: string): void {
  for (const line of [text, ...text.split('\n', 100)]) {
    expectSame(parseAddress(line), formatAddress, parseAddress);
    expectSame(parseWakeAddress(line), formatWakeAddress, parseWakeAddress);
    expectSame(parseIso(line), formatIso, parseIso);
    parseSender(line);
    parseDuration(line);
    parseMessagePath(line);
    parseGatePath(line);
    parseTaskPath(line);
  }
}

function readHeader(text: string): void {
  expectSame(parseHeader(text), formatHeader, parseHeader);
}
