// Words that a native editor would not have written, and what to write instead. The list grows with
// every review; it is short because each of these was found everywhere.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const HUNTED = [
  [/\banew\b/i, 'again; "begins anew" = starts over'],
  [/\bwhoever\b/i, 'anyone who; a noun such as "the holder"'],
  [/\bgoes? on\b(?! (the|a|top|one|board)\b)/i, 'continues'],
  [/\bby (itself|themselves)\b/i, 'on its own, automatically, individually'],
  [/(^|["'`*/.] )So (many|long|often)\b/, 'say what is counted: "How long …", "At most …"'],
  [/\bsuch as it is\b|\bone an event\b/i, 'the usual phrase'],
  [
    /(?<!there )\bis no (message|person|channel|name|address|model|plan|answer|commit|transport)\b/i,
    'is not a …',
  ],
  [/\b(in|out)side of\b/i, 'inside, outside'],
  [
    /(?<!\b(would|will|may|might|not|nobody|nothing) )\b(has|have) to (be|say|agree|sign|know|prove)\b/i,
    'must; needs to',
  ],
  [/\bcounts? for (nobody|nothing)\b/i, 'is ignored; does not count'],
  [/\b(is|are|be) called so\b/i, 'has that name'],
  [/["”}] is none of\b/i, 'is not one of'],
  [/\b(is|are|was|were) tried again\b/i, 'retried, retries'],
  [/\bmend(s|ed|ing)?\b/i, 'fix, repair, correct'],
  [/\bit holds no\b/i, 'it contains no'],
  [/\btakes? no (pushe?s?|refs?|filters?|custom|atomic)\b/i, 'rejects; does not accept'],
  [/["'`>] ?Go on with\b/, 'Continue with'],
];
/** Judged: what people read. Not itself, and not what changed long ago. */
const JUDGED = /^(src|docs|template|bin|scripts)\/|^[A-Z-]+\.md$/;
const PASSED = ['scripts/check-words.mjs', 'CHANGELOG.md'];

const failures = execFileSync('git', ['ls-files'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((file) => JUDGED.test(file) && /\.(ts|tsx|mjs|md|json)$/.test(file))
  .filter((file) => !PASSED.includes(file))
  .flatMap((file) =>
    readFileSync(join(root, file), 'utf8')
      .split('\n')
      .flatMap((line, index) =>
        HUNTED.flatMap(([pattern, better]) => {
          const found = pattern.exec(line);
          return found === null ? [] : [`${file}:${index + 1}: "${found[0].trim()}" → ${better}`];
        }),
      ),
  );
console.log(failures.length === 0 ? 'ok' : failures.join('\n'));
process.exit(failures.length === 0 ? 0 : 1);
