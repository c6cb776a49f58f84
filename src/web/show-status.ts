/**
 * The state of everything, as the page gets it: `crosstalkd status --json`, with the questions of
 * open gates and the first words of the messages that it names.
 */
import type { Invocation } from '../cli/command.ts';
import { askableNow } from '../cli/look/askable.ts';
import { unfinishedMarkers } from '../cli/look/run-markers.ts';
import { readMarkerRun } from '../cli/look/runs.ts';
import { describeStatus } from '../cli/look/status.ts';
import { firstLine } from '../protocol/reply.ts';
import { oneLine } from '../base/plain-text.ts';
import type { Entry } from './book.ts';
import type { Moment } from './desk.ts';
import { readEntries } from './show-messages.ts';
import { showGates, whoAmI } from './show-runs.ts';

/** Messages whose first words are shown, and characters of each. */
const WORDS_MAX = 120;
const CHARS_MAX = 160;
/** Open runs whose gates are shown. */
const RUNS_MAX = 60;

/** The verdict, what needs somebody, what runs and waits. */
export async function showStatus(moment: Moment, invocation: Invocation) {
  const around = { ...moment.around, session: moment.session };
  const told = await describeStatus(around);
  const named = [
    ...told.needs.flatMap(({ about }) => about),
    ...told.running.map(({ path }) => path),
    ...told.waiting.map(({ path }) => path),
  ];
  return {
    ...told,
    gates: await showOpenGates(moment, invocation),
    words: await readWords(moment, new Set(named)),
  };
}

async function showOpenGates(moment: Moment, invocation: Invocation) {
  const around = { ...moment.around, session: moment.session };
  const me = await whoAmI(moment, invocation);
  const gates = [];
  for (const path of (await unfinishedMarkers(around)).slice(-RUNS_MAX)) {
    const seen = await readMarkerRun(around, path);
    if (seen === null) continue;
    const own = await showGates(moment, seen.view.gates, me);
    for (const gate of own)
      if (gate.state === 'open') gates.push({ run: seen.input.run, ...gate, me });
  }
  return gates;
}

/** Path or id of a message → who asks whom, and its subject or first words. */
async function readWords(moment: Moment, named: ReadonlySet<string>) {
  const entries: Entry[] = [];
  for (const entry of moment.book.entries.values()) {
    if (!named.has(entry.path) && !named.has(entry.id)) continue;
    entries.push(entry);
    if (entries.length >= WORDS_MAX) break;
  }
  const said = await readEntries(moment, entries);
  const told = new Map(
    said.map(({ file, from, message }) => [
      file.path,
      { from, text: oneLine(message.fields.subject ?? firstLine(message.body), CHARS_MAX) },
    ]),
  );
  return Object.fromEntries(
    entries.flatMap(({ path, id }) => {
      const words = told.get(path);
      return words === undefined ? [] : [path, id].map((key) => [key, words] as const);
    }),
  );
}

/** Everybody who can be written to: models with what they may do and who serves them, people. */
export function showNames({ around, session }: Moment) {
  const askable = askableNow({ ...around, session });
  const effects = new Map(
    around.offers.map(({ name, entry }) => [name, entry?.effects ?? null] as const),
  );
  return {
    models: askable.names.map((name) => ({
      name,
      effects: effects.get(name) ?? null,
      hosts: askable.served.get(name) ?? [],
    })),
    hosts: [...new Set(around.hosts.map(({ alias }) => alias))].sort(),
    people: [...around.index.people.keys()].sort(),
  };
}
