/** A strict reader of the Prometheus text format: what promtool would complain of throws here. */
import type { Metric, Sample } from '../../src/base/prometheus.ts';

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const NUMBER = /^(?:[+-]?Inf|NaN|[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/;

type Building = { -readonly [Key in keyof Metric]: Metric[Key] } & { samples: Sample[] };

/** All metrics of a text. Throws at the first line that breaks a rule. */
export function parsePrometheus(text: string): readonly Metric[] {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const metrics: Building[] = [];
  const helps = new Map<string, string>();
  for (const line of text.slice(0, -1).split('\n')) {
    const help = /^# HELP (\S+) (.*)$/.exec(line);
    const type = /^# TYPE (\S+) (gauge|counter)$/.exec(line);
    if (help !== null) helps.set(help[1] ?? '', unescapeText(help[2] ?? '', false));
    else if (type !== null) {
      const name = type[1] ?? '';
      if (!NAME.test(name)) throw new Error(`no name: ${line}`);
      if (metrics.some((metric) => metric.name === name)) throw new Error(`in two places: ${line}`);
      metrics.push({
        name,
        type: type[2] as Metric['type'],
        help: helps.get(name) ?? '',
        samples: [],
      });
    } else takeSample(metrics.at(-1), line);
  }
  for (const { name, type, help } of metrics) {
    if (help === '') throw new Error(`${name} has no help`);
    if ((type === 'counter') !== name.endsWith('_total')) throw new Error(`${name} is a ${type}`);
  }
  return metrics;
}

function takeSample(metric: Building | undefined, line: string): void {
  const found = /^([^{\s]+)(?:\{(.*)\})? (\S+)$/s.exec(line);
  if (found === null || metric === undefined || found[1] !== metric.name)
    throw new Error(`stray line: ${line}`);
  const value = found[3] ?? '';
  if (!NUMBER.test(value)) throw new Error(`no number: ${line}`);
  const labels = parseLabels(found[2] ?? '', line);
  const sample = {
    labels,
    value: value.endsWith('Inf') ? (value.startsWith('-') ? -Infinity : Infinity) : Number(value),
  };
  if (metric.type === 'counter' && sample.value < 0)
    throw new Error(`a counter below zero: ${line}`);
  const key = JSON.stringify(Object.entries(labels).sort());
  if (metric.samples.some((other) => JSON.stringify(Object.entries(other.labels).sort()) === key))
    throw new Error(`twice: ${line}`);
  metric.samples.push(sample);
}

function parseLabels(text: string, line: string): Readonly<Record<string, string>> {
  const labels: Record<string, string> = {};
  let rest = text;
  while (rest !== '') {
    const found = /^([^=]+)="((?:[^"\\]|\\[\\"n])*)"(?:,|$)/s.exec(rest);
    const name = found?.[1] ?? '';
    if (found === null || !LABEL.test(name) || Object.hasOwn(labels, name))
      throw new Error(`labels: ${line}`);
    labels[name] = unescapeText(found[2] ?? '', true);
    rest = rest.slice(found[0].length);
  }
  return labels;
}

function unescapeText(text: string, quotes: boolean): string {
  return text.replace(quotes ? /\\([\\"n])/g : /\\([\\n])/g, (_, char: string) =>
    char === 'n' ? '\n' : char,
  );
}
