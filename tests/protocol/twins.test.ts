import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  identityOf,
  newMessagePath,
  parseMessagePath,
  replyPath,
} from '../../src/protocol/paths.ts';
import { canonicalPath, findTwins, isCanonical } from '../../src/protocol/twins.ts';

const ULIDS = ['01JD5Q8Z7K3V9X2M4N6P8R0T1W', '01JD5Q8Z7K3V9X2M4N6P8R0T1X'];
const AT_MS = 1_732_170_000_000;

/** Names of one message and of others, by hand and by the program, as copies lie about. */
const path = fc.oneof(
  fc
    .constantFrom(...ULIDS)
    .map((ulid) => canonicalPath(parseMessagePath(newMessagePath('general', AT_MS, ulid))!)!),
  fc
    .tuple(
      fc.constantFrom('general', 'ops'),
      fc.constantFrom('a/', 'b/', ''),
      fc.constantFrom('x', 'X', ...ULIDS),
    )
    .map(([channel, folder, stem]) => `data/channels/${channel}/${folder}${stem}.md`),
);

it('of the copies of a message, the one at the path of its id counts, else the only one that was answered, else the first', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(path, { maxLength: 8 }),
      fc.array(fc.nat(7)),
      (paths, answeredAt) => {
        const answered = new Set(answeredAt.flatMap((at) => paths[at] ?? []));
        const twins = findTwins([...paths, ...[...answered].map((one) => replyPath(one, 'opus'))]);
        const files = paths.map((one) => parseMessagePath(one)!);
        for (const file of files) {
          const same = files.filter(
            (other) => other.channel === file.channel && identityOf(other) === identityOf(file),
          );
          const sorted = same.map((other) => other.path).sort((a, b) => (a < b ? -1 : 1));
          const counts =
            same.find((other) => canonicalPath(other) === other.path)?.path ??
            sorted.find((one) => answered.has(one)) ??
            sorted[0];
          const answeredToo = sorted.filter((one) => one !== counts && answered.has(one));
          if (counts !== file.path) expect(twins.get(file.path)).toBe(counts);
          else if (answeredToo.length === 0 || isCanonical(file.path))
            expect(twins.has(file.path)).toBe(false);
          else expect(answeredToo).toContain(twins.get(file.path));
        }
      },
    ),
  );
});

it('a hundred thousand copies of one message are settled as quickly as others', () => {
  const copies = Array.from(
    { length: 100_000 },
    (_, n) => `data/channels/general/${n}/${ULIDS[0]}.md`,
  );
  const original = newMessagePath('general', AT_MS, ULIDS[0]!);
  const twins = findTwins([...copies, canonicalPath(parseMessagePath(original)!)!]);
  expect(twins.size).toBe(100_000);
});
