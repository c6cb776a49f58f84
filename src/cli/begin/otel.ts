/**
 * `run --otel`: spans of this host's work, sent as OTLP over HTTP in JSON to the endpoint that the
 * usual OTEL_* variables name. Off without the option. What cannot be sent is thrown away in the
 * end: it never holds up the dispatcher. Own code: the SDK brings a registry, context propagation
 * and many packages for what is one JSON document a batch, and it reads the environment on its
 * own.
 */
import { createSpanFold, type Span } from '../../base/spans.ts';
import { SECOND, systemClock } from '../../base/clock.ts';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import type { Log, LogRecord } from '../../base/log.ts';
import { systemRandom } from '../../base/random.ts';
import { given, type Invocation } from '../command.ts';
import { VERSION } from '../version.ts';
import { fixBy, withNote } from '../../base/fix.ts';

/** Where `run` puts its events. Without `--otel` nothing happens. */
export interface SpanSink {
  readonly take: (record: LogRecord) => void;
  /** Sends what waits, within a few seconds. */
  readonly close: () => Promise<void>;
}

/** What the environment says. */
export interface OtelSettings {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly resource: Readonly<Record<string, string>>;
}

type Env = Invocation['env'];

const FLUSH_MS = 5 * SECOND;
const CLOSE_MS = 3 * SECOND;
const BATCH_MAX = 512;
const QUEUE_MAX = 2_048;

/**
 * Begins to send when `--otel` is given. Throws CONFIG_INVALID naming the variable that cannot be
 * used.
 */
export function openSpans(
  invocation: Invocation,
  { alias, log }: { readonly alias: string; readonly log: Log },
): SpanSink {
  const nothing: SpanSink = { take: () => undefined, close: () => Promise.resolve() };
  if (!given(invocation, 'otel') || /^true$/i.test(invocation.env['OTEL_SDK_DISABLED'] ?? ''))
    return nothing;
  const settings = readOtelSettings(invocation.env, alias);
  const fold = createSpanFold(() => systemRandom.hex(8));
  const queue: Span[] = [];
  let [sending, failing, lost] = [Promise.resolve(), false, 0];
  const flush = (timeoutMs: number): Promise<void> => {
    sending = sending.then(async () => {
      while (queue.length > 0) {
        const batch = queue.splice(0, BATCH_MAX);
        const problem = await postSpans(settings, batch, timeoutMs);
        if (problem === null) {
          failing = false;
          continue;
        }
        lost += Math.max(0, batch.length + queue.length - QUEUE_MAX);
        queue.unshift(...batch.slice(Math.max(0, batch.length + queue.length - QUEUE_MAX)));
        if (!failing)
          log.warning('otel.failed', {
            endpoint: settings.endpoint,
            reason: problem,
            lost,
            next: 'retries; work continues',
          });
        failing = true;
        return;
      }
    });
    return sending;
  };
  const timer = setInterval(() => void flush(settings.timeoutMs), FLUSH_MS);
  timer.unref();
  return {
    take: (record) => {
      queue.push(...fold(record, systemClock.wallMs()));
      lost += queue.splice(0, Math.max(0, queue.length - QUEUE_MAX)).length;
    },
    close: async () => {
      clearInterval(timer);
      await flush(Math.min(settings.timeoutMs, CLOSE_MS));
    },
  };
}

/**
 * Endpoint, headers, limit and resource by the variables of the OpenTelemetry specification. Throws
 * CONFIG_INVALID.
 */
export function readOtelSettings(env: Env, alias: string): OtelSettings {
  const read = (name: string): string | null => {
    const value =
      (env[`OTEL_EXPORTER_OTLP_TRACES_${name}`] ?? '') || (env[`OTEL_EXPORTER_OTLP_${name}`] ?? '');
    return value === '' ? null : value;
  };
  const protocol = read('PROTOCOL');
  if (protocol !== null && protocol !== 'http/json')
    throw invalid(
      'OTEL_EXPORTER_OTLP_PROTOCOL',
      `found "${protocol}", expected "http/json": the only supported protocol`,
    );
  const own = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] ?? '';
  const base = env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '';
  const endpoint =
    own !== ''
      ? own
      : `${(base === '' ? 'http://localhost:4318' : base).replace(/(?<!\/)\/+$/, '')}/v1/traces`;
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol))
    throw invalid(
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      `found "${endpoint}", expected an http or https URL`,
    );
  const timeout = read('TIMEOUT') ?? '10000';
  if (!/^[1-9]\d{0,7}$/.test(timeout))
    throw invalid('OTEL_EXPORTER_OTLP_TIMEOUT', `found "${timeout}", expected milliseconds`);
  const name = (env['OTEL_SERVICE_NAME'] ?? '') || 'crosstalkd';
  const resource = {
    'host.name': alias,
    'service.version': VERSION,
    ...readPairs('OTEL_RESOURCE_ATTRIBUTES', env['OTEL_RESOURCE_ATTRIBUTES'] ?? ''),
  };
  const headers = readPairs('OTEL_EXPORTER_OTLP_HEADERS', read('HEADERS') ?? '');
  return {
    endpoint,
    headers,
    timeoutMs: Number(timeout),
    resource: { 'service.name': name, ...resource },
  };
}

/** `key=value,key2=value2`, values percent-encoded. */
function readPairs(variable: string, text: string): Readonly<Record<string, string>> {
  const pairs = text.split(',').filter((pair) => pair.trim() !== '');
  return Object.fromEntries(
    pairs.map((pair) => {
      const equals = pair.indexOf('=');
      if (equals <= 0) throw invalid(variable, 'expected key=value pairs with commas between them');
      try {
        return [pair.slice(0, equals).trim(), decodeURIComponent(pair.slice(equals + 1).trim())];
      } catch {
        throw invalid(variable, 'a value contains an invalid percent escape');
      }
    }),
  );
}

function invalid(variable: string, why: string): CrosstalkError {
  return new CrosstalkError('CONFIG_INVALID', `${variable}: ${why}`, {
    fix: withNote(fixBy`unset ${variable}`, 'or correct it'),
  });
}

/** Null when the spans were taken, else why not. */
async function postSpans(
  settings: OtelSettings,
  spans: readonly Span[],
  timeoutMs: number,
): Promise<string | null> {
  try {
    const answer = await fetch(settings.endpoint, {
      method: 'POST',
      headers: { ...settings.headers, 'content-type': 'application/json' },
      body: JSON.stringify(formatOtlp(settings.resource, spans)),
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    });
    await answer.arrayBuffer();
    return answer.ok ? null : `it answered ${answer.status}`;
  } catch (error) {
    const cause: unknown = error instanceof Error ? error.cause : undefined;
    return cause instanceof Error ? errorText(cause) || errorText(error) : errorText(error);
  }
}

/** The request as the JSON form of OTLP has it: ids in hex, times as text in nanoseconds. */
export function formatOtlp(resource: OtelSettings['resource'], spans: readonly Span[]): unknown {
  return {
    resourceSpans: [
      {
        resource: { attributes: formatAttributes(resource) },
        scopeSpans: [
          { scope: { name: 'crosstalkd', version: VERSION }, spans: spans.map(formatSpan) },
        ],
      },
    ],
  };
}

const KIND_INTERNAL = 1;
const STATUS_ERROR = 2;

function formatSpan({
  traceId,
  spanId,
  parentSpanId,
  name,
  startMs,
  endMs,
  attributes,
  events,
  error,
}: Span): unknown {
  return {
    traceId,
    spanId,
    ...(parentSpanId === null ? {} : { parentSpanId }),
    name,
    kind: KIND_INTERNAL,
    startTimeUnixNano: nanoseconds(startMs),
    endTimeUnixNano: nanoseconds(endMs),
    attributes: formatAttributes(attributes),
    events: events.map((event) => ({ name: event.name, timeUnixNano: nanoseconds(event.atMs) })),
    status: error === null ? {} : { code: STATUS_ERROR, message: error },
  };
}

function nanoseconds(ms: number): string {
  return `${Math.round(ms)}000000`;
}

function formatAttributes(attributes: Span['attributes']): readonly unknown[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value:
      typeof value === 'string'
        ? { stringValue: value }
        : typeof value === 'boolean'
          ? { boolValue: value }
          : Number.isSafeInteger(value)
            ? { intValue: String(value) }
            : { doubleValue: value },
  }));
}
