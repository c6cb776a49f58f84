import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CrosstalkError } from '../../src/base/errors.ts';
import { createSpanFold } from '../../src/base/spans.ts';
import { readOtelSettings } from '../../src/cli/begin/otel.ts';
import { type Cli, letter, startCli } from '../support/cli.ts';

const SECRET = 'the text of a message stays here';
const MODELS = `models:
  echo: { adapter: command, command: [cat], effects: none, options: { input: message } }
  broken: { adapter: command, command: [sh, -c, "echo ${SECRET} >&2; exit 1"], effects: none, attempts: 1 }
`;

describe('run --otel', () => {
  let cli: Cli;
  let collector: Collector;
  beforeEach(async () => {
    cli = await startCli({ models: MODELS });
    collector = await startCollector();
  });
  afterEach(async () => {
    await collector.close();
    cli.close();
  });

  const once = (env: Readonly<Record<string, string>>): ReturnType<Cli['run']> =>
    cli.run(['run', '--once', '--otel'], { env });

  it('sends one trace a message: the time this host has it, and each attempt below; never a text', async () => {
    cli.say({
      'data/channels/general/a.md': letter('echo', SECRET),
      'data/channels/general/b.md': letter('broken', SECRET),
    });
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20b',
      OTEL_RESOURCE_ATTRIBUTES: 'team=red',
    };
    expect((await once(env)).code).toBe(0);
    const [first] = collector.requests;
    expect(first?.path).toBe('/v1/traces');
    expect(first?.headers).toMatchObject({ 'content-type': 'application/json', 'x-key': 'a b' });
    expect(collector.requests.map(({ body }) => body).join('')).not.toContain(SECRET);
    const { spans, resource } = readOtlp(collector.requests);
    expect(resource).toMatchObject({
      'service.name': 'crosstalkd',
      'host.name': 'mbp',
      team: 'red',
    });
    const byName = new Map(spans.map((span) => [span.name, span]));
    expect([...byName.keys()].sort()).toEqual([
      'attempt broken',
      'attempt echo',
      'work broken',
      'work echo',
    ]);
    const [work, attempt] = [byName.get('work echo'), byName.get('attempt echo')];
    expect(attempt?.parentSpanId).toBe(work?.spanId);
    expect(attempt?.traceId).toBe(work?.traceId);
    expect(byName.get('work broken')?.traceId).not.toBe(work?.traceId);
    expect(work?.attributes).toMatchObject({
      'crosstalk.message': 'data/channels/general/a.md',
      'crosstalk.failed': false,
    });
    expect(byName.get('work broken')?.status).toEqual({ code: 2, message: 'failed' });
    expect(BigInt(work?.start ?? '1') <= BigInt(attempt?.start ?? '0')).toBe(true);
    expect(BigInt(attempt?.end ?? '1') <= BigInt(work?.end ?? '0')).toBe(true);
  });

  it('a collector that refuses or hangs holds nothing up and is told of once', async () => {
    cli.say({ 'data/channels/general/a.md': letter('echo', 'one') });
    collector.answer(503);
    const refused = await once({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.url}/mine` });
    expect(refused.code).toBe(0);
    expect(collector.requests[0]?.path).toBe('/mine');
    expect(refused.stdout.split('\n').filter((line) => line.includes('otel.failed'))).toHaveLength(
      1,
    );
    cli.say({ 'data/channels/general/b.md': letter('echo', 'two') });
    collector.answer(null);
    const hung = await once({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    expect(hung.code).toBe(0);
    expect(hung.stdout).toContain('otel.failed');
    expect(hung.stdout).toContain('reply.published');
  });

  it('sends nothing without the option, or when the SDK is disabled', async () => {
    cli.say({ 'data/channels/general/a.md': letter('echo', 'one') });
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    expect((await cli.run(['run', '--once'], { env })).code).toBe(0);
    cli.say({ 'data/channels/general/b.md': letter('echo', 'two') });
    expect((await once({ ...env, OTEL_SDK_DISABLED: 'true' })).code).toBe(0);
    expect(collector.requests).toEqual([]);
  });
});

describe('the variables', () => {
  it.each([
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'file:///etc/passwd' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' },
    { OTEL_EXPORTER_OTLP_TIMEOUT: '0' },
    { OTEL_EXPORTER_OTLP_HEADERS: 'nothing' },
    { OTEL_RESOURCE_ATTRIBUTES: 'a=%zz' },
  ])('%o is refused by its name', (env) => {
    const [name = ''] = Object.keys(env);
    expect(() => readOtelSettings(env as Record<string, string>, 'mbp')).toThrow(CrosstalkError);
    expect(() => readOtelSettings(env as Record<string, string>, 'mbp')).toThrow(name);
  });

  it('the own variable of traces wins over the general one, and is taken as it is', () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:1/',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://b:2/x',
    };
    expect(readOtelSettings(env, 'mbp').endpoint).toBe('http://b:2/x');
    expect(readOtelSettings({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:1/' }, 'mbp').endpoint).toBe(
      'http://a:1/v1/traces',
    );
    expect(readOtelSettings({}, 'mbp').endpoint).toBe('http://localhost:4318/v1/traces');
  });
});

describe('the fold', () => {
  it('an attempt of a fallback is below the work it is done for, a warning is an event of it', () => {
    let ids = 0;
    const fold = createSpanFold(() => String((ids += 1)));
    const say = (
      event: string,
      model: string,
      { level = 'status', ...fields }: { level?: 'status' | 'warning'; how?: string } = {},
    ) => fold({ event, level, fields: { message: 'm', model, ...fields } }, ids);
    say('message.claimed', 'opus');
    say('attempt.started', 'sonnet');
    const [attempt] = say('attempt.ended', 'sonnet', { how: 'answered' });
    say('attempt.stopped', 'opus', { level: 'warning' });
    const [work] = say('claim.lost', 'opus', { level: 'warning' });
    expect(attempt?.parentSpanId).toBe(work?.spanId);
    expect(work?.events.map(({ name }) => name)).toEqual(['attempt.stopped']);
    expect(work?.error).toBe('claim lost');
  });
});

interface Collector {
  readonly url: string;
  readonly requests: readonly {
    readonly path: string;
    readonly headers: IncomingHttpHeaders;
    readonly body: string;
  }[];
  /** With which status it answers from now on; null = not at all. */
  readonly answer: (status: number | null) => void;
  readonly close: () => Promise<void>;
}

async function startCollector(): Promise<Collector> {
  const requests: { path: string; headers: IncomingHttpHeaders; body: string }[] = [];
  let status: number | null = 200;
  const server: Server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      requests.push({ path: request.url ?? '', headers: request.headers, body });
      if (status !== null)
        response.writeHead(status, { 'content-type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    answer: (next) => (status = next),
    close: () =>
      new Promise((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

interface SpanRead {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly start: string;
  readonly end: string;
  readonly status: unknown;
  readonly attributes: Readonly<Record<string, unknown>>;
}

type Raw = Readonly<Record<string, unknown>>;

/**
 * Reads what a collector would: ids of the right length in hex, times as text of digits, values of
 * one type each.
 */
function readOtlp(requests: Collector['requests']): {
  readonly spans: readonly SpanRead[];
  readonly resource: Raw;
} {
  const groups = requests.flatMap(
    ({ body }) => (JSON.parse(body) as { resourceSpans: Raw[] }).resourceSpans,
  );
  const spans = groups
    .flatMap((group) => (group['scopeSpans'] as Raw[]).flatMap((scope) => scope['spans'] as Raw[]))
    .map(readSpan);
  return { spans, resource: readAttributes((groups[0]?.['resource'] as Raw)['attributes']) };
}

function readSpan(raw: Raw): SpanRead {
  const text = (key: string, form: RegExp): string => {
    expect(raw[key]).toMatch(form);
    return raw[key] as string;
  };
  return {
    name: text('name', /./),
    traceId: text('traceId', /^[0-9a-f]{32}$/),
    spanId: text('spanId', /^[0-9a-f]{16}$/),
    parentSpanId:
      raw['parentSpanId'] === undefined ? undefined : text('parentSpanId', /^[0-9a-f]{16}$/),
    start: text('startTimeUnixNano', /^\d{19}$/),
    end: text('endTimeUnixNano', /^\d{19}$/),
    status: raw['status'],
    attributes: readAttributes(raw['attributes']),
  };
}

function readAttributes(raw: unknown): Raw {
  return Object.fromEntries(
    (raw as { key: string; value: Raw }[]).map(({ key, value }) => {
      const [[type, held] = ['', null], ...more] = Object.entries(value);
      expect(more).toEqual([]);
      expect(type).toMatch(/^(string|int|double|bool)Value$/);
      return [key, type === 'intValue' ? Number(held) : held];
    }),
  );
}
