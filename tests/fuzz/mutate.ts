/** Small wrongs done to bytes, drawn from a seed. */
import type { SeededRandom } from '../support/seeded-random.ts';

/** No file of a transport that is read is larger. */
const BYTES_MAX = 1_048_577;
/** What readers have stumbled over: borders of numbers and lines, signs of the formats, names. */
const TOKENS = [
  ...['---\n', '\n---\n', '\r\n', '\n\n', '\t', '\0', '\ufeff', '\u202e', '\u2028', '\ud83d\ude00'],
  ...[': ', '- ', '{', '}', '[', ']', '"', "'", '|\n', '>-\n', '&a', '*a', '<<: ', '!!js ', '#'],
  ...['${{', '}}', '(', ')', '&&', '==', '.*', '[0]', 'steps.a.json', "'''"],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'null', 'true', 'yes', '~'],
  ...['0', '-1', '-0', '1e999', '9007199254740993', '0x10', '1_000', 'NaN', '.inf', '12:30'],
  ...['..', '/', '//', '\\', '.git', 'CON', 'a@b@c', '@', ',', '\u001b[2J', 'é', 'e\u0301'],
  ...['$ref', 'oneOf', 'pattern', 'to: ', 'type: workflow\n', 'Crosstalk-Re: ', '```json\n'],
].map((text) => Buffer.from(text));

type Mutation = (bytes: Buffer, random: SeededRandom, others: readonly Buffer[]) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => replace(bytes, slice(bytes, random, 1), Buffer.from([random.int(0, 255)])),
  (bytes, random) => replace(bytes, slice(bytes, random, 64), Buffer.alloc(0)),
  (bytes, random) => replace(bytes, slice(bytes, random, 0), random.pick(TOKENS)),
  (bytes, random) => replace(bytes, slice(bytes, random, 8), random.pick(TOKENS)),
  (bytes, random, others) => {
    const other = random.pick(others);
    const [from, to] = slice(other, random, 400);
    return replace(bytes, slice(bytes, random, 40), other.subarray(from, to));
  },
  (bytes, random) => bytes.subarray(0, random.int(0, bytes.length)),
  withLines((lines, random) => {
    lines.splice(random.int(0, lines.length), 0, random.pick(lines));
  }),
  withLines((lines, random) => {
    lines.splice(random.int(0, lines.length - 1), 1);
  }),
  withLines((lines, random) => {
    const [a, b] = [random.int(0, lines.length - 1), random.int(0, lines.length - 1)];
    [lines[a], lines[b]] = [lines[b] ?? '', lines[a] ?? ''];
  }),
  withLines((lines, random) => {
    const at = random.int(0, lines.length - 1);
    lines[at] = random.pick(['  ', '\t', '- ', '']) + (lines[at] ?? '').trimStart();
  }),
];

/** Rare: what makes a text long, wide or deep. */
const GROWTHS: readonly Mutation[] = [
  (bytes, random) => {
    const [from, to] = slice(bytes, random, 200);
    return replace(bytes, [to, to], repeated(bytes.subarray(from, to), random));
  },
  (bytes, random) => replace(bytes, slice(bytes, random, 0), repeated(random.pick(TOKENS), random)),
];

/** `bytes` with one wrong or a few. `others`: what pieces may come from; not empty. */
export function mutate(bytes: Buffer, random: SeededRandom, others: readonly Buffer[]): Buffer {
  let mutated = bytes;
  for (let left = random.chance(0.1) ? 24 : random.int(1, 4); left > 0; left -= 1)
    mutated = random.pick(random.chance(0.01) ? GROWTHS : MUTATIONS)(mutated, random, others);
  return mutated.subarray(0, BYTES_MAX);
}

/** A place in `bytes`, at most `lengthMax` long. */
function slice(bytes: Buffer, random: SeededRandom, lengthMax: number): readonly [number, number] {
  const from = random.int(0, bytes.length);
  return [from, Math.min(bytes.length, from + random.int(0, lengthMax))];
}

function replace(bytes: Buffer, [from, to]: readonly [number, number], by: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(to)]);
}

function repeated(bytes: Buffer, random: SeededRandom): Buffer {
  const length = Math.min(BYTES_MAX, bytes.length * 2 ** random.int(1, 18));
  return bytes.length === 0 ? bytes : Buffer.alloc(length, bytes);
}

function withLines(edit: (lines: string[], random: SeededRandom) => void): Mutation {
  return (bytes, random) => {
    const lines = bytes.toString('latin1').split('\n');
    edit(lines, random);
    return Buffer.from(lines.join('\n'), 'latin1');
  };
}
