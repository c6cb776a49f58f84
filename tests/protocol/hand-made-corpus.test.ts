/**
 * Files as people really write them, whole: each is a message, a note that needs nobody, or is told
 * in the one line that stands beside it: where, what is there, what would be right.
 */
import { describe, expect, it } from 'vitest';
import { headSlips } from '../../src/protocol/head-slips.ts';
import { decodeMessage } from '../../src/protocol/message.ts';
import { NAME_RULE } from '../../src/protocol/names.ts';

const ADDRESS = `an address: name or name@host (${NAME_RULE})`;
const NAME = `a name: ${NAME_RULE}`;

const FILES: readonly (readonly [string, string])[] = [
  ['hello\n', 'note 1: "hello"; the first line to be exactly ---'],
  ['to: opus\n\nhello\n', '1: "to: opus"; a line --- before the fields, and one after them'],
  [
    '\n---\nto: opus\n---\nx\n',
    '1: an empty line; --- as the first line: remove what stands before it',
  ],
  [' ---\nto: opus\n---\nx\n', '1: " ---"; --- without spaces before it'],
  ['----\nto: opus\n----\nx\n', '1: "----"; three hyphens: ---'],
  ['+++\nto = "opus"\n+++\nx\n', '1: "+++"; ---, then YAML such as "to: opus": TOML is not read'],
  ['---json\n{"to":"opus"}\n---\nx\n', '1: "---json"; the first line to be exactly ---'],
  ['---js\n{to:1}\n---\n', '1: "---js"; the first line to be exactly ---'],
  [
    '---\nto: opus\nhello\n',
    '3: "hello" after fields that do not end; a line --- before it, to end the fields',
  ],
  ['---\nto: opus\n...\nhello\n', '3: "..."; ---, alone, to end the fields'],
  ['', 'note 1: an empty line; the first line to be exactly ---'],
  ['# Hi\n\ntext', 'note 1: "# Hi"; the first line to be exactly ---'],
  ['\u2014\nto: opus\n\u2014\nx\n', '1: "\u2014"; three hyphens: ---'],
  ['---\r\nto: opus\r\n---\r\nx\r\n', 'message to opus'],
  ['---\rto: opus\r---\rx\r', '1: line ends of CR alone; line ends of LF or CR LF'],
  ['\ufeff---\nto: opus\n---\nx\n', 'message to opus'],
  ['```\n---\nto: opus\n---\n```\n', '1: "```"; --- as the first line, outside a code fence'],
  [
    '<!-- x -->\n---\nto: opus\n---\nx',
    '1: "<!-- x -->"; --- as the first line: remove what stands before it',
  ],
  [
    'version https://git-lfs.github.com/spec/v1\noid sha256:1\n',
    '1: a Git LFS pointer; the message itself: exclude *.md from LFS',
  ],
  [
    '<<<<<<< HEAD\n---\nto: opus\n=======\n---\nto: gpt\n>>>>>>> x\n---\n',
    '1: "<<<<<<< HEAD"; one of both sides of the merge, then ---',
  ],
  [
    'From: ada\nTo: opus\nSubject: x\n\nhello\n',
    '1: "From: ada"; a line --- before the fields, and one after them',
  ],
  [
    '---\nto: opus;gpt\n---\nhello\n',
    '2: to: text "opus;gpt"; commas between several names: opus, gpt',
  ],
  [
    '---\nto: opus、gpt，sonnet\n---\nhello\n',
    '2: to: text "opus、gpt，sonnet"; commas between several names: opus, gpt, sonnet',
  ],
  [
    '---\nto: opus and gpt\n---\nhello\n',
    '2: to: text "opus and gpt"; commas between several names: opus, gpt',
  ],
  ['---\nto: <opus>\n---\nhello\n', '2: to: text "<opus>"; the name alone: opus'],
  ['---\nto: "opus"\n---\nhello\n', 'message to opus'],
  ['---\nto: @opus\n---\nhello\n', '2: a value that begins with "@"; the name alone: opus'],
  ['---\nto: opus,\n---\nhello\n', 'message to opus'],
  ['---\nto: ,opus\n---\nhello\n', '2: a value that begins with ","; the name alone: opus'],
  ['---\nto: opus, ,gpt\n---\nhello\n', 'message to opus, gpt'],
  [
    '---\nto:\n---\nhello\n',
    '2: "to:" without a name; to: <model, host-pinned model, all, workflow or a person>',
  ],
  [
    '---\nto: []\n---\nhello\n',
    '2: "to: []", which names nobody; to: <model, host-pinned model, all, workflow or a person>',
  ],
  [
    '---\nto: [""]\n---\nhello\n',
    '2: "to: [""]", which names nobody; to: <model, host-pinned model, all, workflow or a person>',
  ],
  ['---\nto: all, opus\n---\nhello\n', 'message to all, opus'],
  ['---\nto: opus@\n---\nhello\n', '2: to: text "opus@"; the name alone: opus'],
  ['---\nto: @laptop\n---\nhello\n', '2: a value that begins with "@"; the name alone: laptop'],
  ['---\nto: Opus@Laptop\n---\nhello\n', 'message to opus@laptop'],
  [
    '---\nto: opus @laptop\n---\nhello\n',
    '2: to: text "opus @laptop"; the name alone: opus@laptop',
  ],
  ['---\nto: opus/sonnet\n---\nhello\n', 'message to opus-sonnet'],
  ['---\nto: o\n---\nhello\n', 'message to o'],
  ['---\nto: ada@example.org\n---\nhello\n', 'message to ada@example.org'],
  ['---\nto: opus (the big one)\n---\nhello\n', `2: to: text "opus (the big one)"; ${ADDRESS}`],
  ['---\nto: {name: opus}\n---\nhello\n', '2: to: a mapping; the name alone: opus'],
  ['---\nto: 42\n---\nhello\n', 'message to 42'],
  ['---\nto: null\n---\nhello\n', 'message to null'],
  ['---\nto: ~\n---\nhello\n', `2: to: text "~"; ${ADDRESS}`],
  ['---\nto: yes\n---\nhello\n', 'message to yes'],
  ['---\nto: aux\n---\nhello\n', 'message to aux'],
  ['---\nto: con\n---\nhello\n', 'message to con'],
  ['---\nto: opus.\n---\nhello\n', '2: to: text "opus."; the name alone: opus'],
  ['---\nto: opus.lock\n---\nhello\n', `2: to: text "opus.lock"; ${ADDRESS}`],
  ['---\nto: a..b\n---\nhello\n', `2: to: text "a..b"; ${ADDRESS}`],
  ['---\nto: opus.re.gpt\n---\nhello\n', `2: to: text "opus.re.gpt"; ${ADDRESS}`],
  ['---\nTo: opus\n---\nhello\n', '2: "To:"; "to:"'],
  ['---\nTO: opus\n---\nhello\n', '2: "TO:"; "to:"'],
  ['---\nto : opus\n---\nhello\n', 'message to opus'],
  ['---\nto = opus\n---\nhello\n', '2: "to = opus", which has no "key:"; the line to: opus'],
  ['---\n"to": opus\n---\nhello\n', 'message to opus'],
  ["---\n'to': opus\n---\nhello\n", 'message to opus'],
  ['---\nto; opus\n---\nhello\n', '2: "to; opus", which has no "key:"; a line "key: value"'],
  ['---\nrecipient: opus\n---\nhello\n', '2: "recipient:"; "to:"'],
  [
    '---\nmood: opus\n---\nhello\n',
    '1: no "to:"; to: <model, host-pinned model, all, workflow or a person>',
  ],
  ['---\nan: opus\n---\nhello\n', '2: "an:"; "to:"'],
  ['---\ntil: opus\n---\nhello\n', '2: "til:"; "to:"'],
  ['---\ntoo: opus\n---\nhello\n', '2: "too:"; "to:"'],
  ['---\nagent: opus\n---\nhello\n', '2: "agent:"; "to:"'],
  ['---\nmodel: opus\n---\nhello\n', '2: "model:"; "to:"'],
  ['---\nfür: opus\n---\nhello\n', '2: "für:"; "to:"'],
  ['---\n宛先: opus\n---\nhello\n', '2: "宛先:"; "to:"'],
  ['---\nto: *\n---\nhello\n', '2: an alias; all, which asks every model'],
  ['---\nto: "*"\n---\nhello\n', '2: to: text "*"; all, which asks every model'],
  ['---\nt o: opus\n---\nhello\n', '2: "t o:"; "to:"'],
  ['---\ncc: opus\n---\nhello\n', '2: "cc:"; "to:"'],
  [
    '---\nto: opus\n from: ada\n---\nhello\n',
    '3: spaces before "from:"; the line without them: from: ada',
  ],
  ['---\nto: opus\n- gpt\n---\nhello\n', '3: "- gpt", which has no "key:"; a line "key: value"'],
  ['---\nto:\n- opus\n- gpt\n---\nhello\n', 'message to opus, gpt'],
  ['---\nto:\n  - opus\n---\nhello\n', 'message to opus'],
  ['---\nto:\n opus\n---\nhello\n', 'message to opus'],
  ['---\nto: |\n  opus\n---\nhello\n', 'message to opus'],
  ['---\nto: >\n  opus\n---\nhello\n', 'message to opus'],
  ['---\nto: opus # the best\n---\nhello\n', 'message to opus'],
  ['---\nto: opus #\n---\nhello\n', 'message to opus'],
  ['---\nto: &x opus\n---\nhello\n', 'message to opus'],
  ['---\nto: *x\n---\nhello\n', '2: an alias; the name alone: x'],
  ['---\nto: !!str opus\n---\nhello\n', 'message to opus'],
  ['---\nto: opus\nfrom:\n---\nhello\n', 'message to opus'],
  ['---\nto: opus\nfrom: "ada"\n---\nhello\n', 'message to opus from ada'],
  ['---\nto: opus\nfrom: ada@example.org\n---\nhello\n', 'message to opus from ada'],
  ['---\nto: opus\nfrom: Ada <ada@example.org>\n---\nhello\n', 'message to opus from ada'],
  ['---\nto: opus\nfrom: [ada]\n---\nhello\n', '3: from: a list; one text'],
  ['---\nto: opus\nfrom: all\n---\nhello\n', 'message to opus from all'],
  ['---\nto: opus\nre: [a, b]\n---\nhello\n', 'message to opus'],
  ['---\nto: opus\nre: ../x.md\n---\nhello\n', '3: re: text "../x.md"; a path in the transport'],
  ['---\nto: opus\nre: /x.md\n---\nhello\n', '3: re: text "/x.md"; a path in the transport'],
  ['---\nto: opus\nre: "#12"\n---\nhello\n', 'message to opus'],
  ['---\nto: opus\nre: {a: b}\n---\nhello\n', '3: re: a mapping; one text or a list of texts'],
  [
    '---\nto: opus\nsubject: "x\n---\nhello\n',
    "3: '\"' that is not closed; the same at the end of the value",
  ],
  ['---\nto: opus\nsubject: x"y\n---\nhello\n', 'message to opus'],
  [
    '---\nto: opus\nsubject: - x\n---\nhello\n',
    '3: a value that begins with "-"; text that begins with "-" in quotes: quote it',
  ],
  [
    '---\nto: opus\nsubject: [x] y\n---\nhello\n',
    '3: a value that begins with "["; text that begins with "[" in quotes: quote it',
  ],
  [
    '---\nto: opus\nsubject: *bold*\n---\nhello\n',
    '3: an alias; the value itself: aliases are refused; text in quotes: "*bold*"',
  ],
  ['---\nto: opus\nsubject: &amp\n---\nhello\n', 'message to opus'],
  ['---\nto: opus\nsubject: 100% sure\n---\nhello\n', 'message to opus'],
  [
    '---\nto: opus\nsubject: % sure\n---\nhello\n',
    '3: a value that begins with "%"; text that begins with "%" in quotes: quote it',
  ],
  ['---\nto: opus\nsubject: a # b\n---\nhello\n', 'message to opus'],
  ['---\nto: opus\nsubject: #1\n---\nhello\n', 'message to opus'],
  [
    '---\nto: opus\nsubject: !important\n---\nhello\n',
    '3: unknown scalar tag !<!important>; a plain value, without a tag; text in quotes: "!important"',
  ],
  [
    '---\nto: opus\nsubject: |x\n---\nhello\n',
    '3: a value that begins with "|"; text that begins with "|" in quotes: quote it',
  ],
  [
    '---\nto: opus\nsubject: > x\n---\nhello\n',
    '3: a value that begins with ">"; text that begins with ">" in quotes: quote it',
  ],
  [
    '---\nto: opus\nsubject: "a": b\n---\nhello\n',
    '3: ": " inside a value; quotes around it: subject: "\'a\': b"',
  ],
  [
    "---\nto: opus\nsubject: 'it's'\n---\nhello\n",
    '3: a "\'" inside single quotes; double quotes around it: subject: "it\'s"',
  ],
  ["---\nto: opus\nsubject: it's\n---\nhello\n", 'message to opus'],
  [
    '---\nto: opus\nsubject: ? x\n---\nhello\n',
    '3: a value that begins with "?"; text that begins with "?" in quotes: quote it',
  ],
  [
    '---\nto: opus\npriority: high\n---\nhello\n',
    '3: priority: text "high"; a whole number from -9 to 9',
  ],
  [
    '---\nto: opus\npriority: 1.5\n---\nhello\n',
    '3: priority: text "1.5"; a whole number from -9 to 9',
  ],
  ['---\nto: opus\npriority: +3\n---\nhello\n', 'message to opus'],
  ['---\nto: opus\nhops: -1\n---\nhello\n', '3: hops: text "-1"; a whole number from 0 to 1000'],
  [
    '---\nto: opus\ntimestamp: 2026-13-01\n---\nhello\n',
    '3: timestamp: text "2026-13-01"; a time such as 2026-11-21T06:40:20Z',
  ],
  ['---\nto: opus\ntimestamp: 2026-11-21\n---\nhello\n', 'message to opus'],
  [
    '---\nto: opus\ntimestamp: 21.11.2026\n---\nhello\n',
    '3: timestamp: text "21.11.2026"; a time such as 2026-11-21T06:40:20Z',
  ],
  ['---\nto: opus\nwait: on\n---\nhello\n', '3: wait: text "on"; true or false'],
  ['---\nto: opus\nwait: 1\n---\nhello\n', '3: wait: text "1"; true or false'],
  ['---\nto: opus\nfiles: a b.md\n---\nhello\n', 'message to opus'],
  ['---\nto: opus\nfiles: C:\\x\n---\nhello\n', '3: files: text "C:\\x"; a path in the transport'],
  ['---\nto: opus\nfiles: ["a", ]\n---\nhello\n', 'message to opus'],
  ['---\nto: opus\nproject: My App\n---\nhello\n', `3: project: text "My App"; ${NAME}`],
  ['---\nto: opus\nas: Code Reviewer\n---\nhello\n', 'message to opus'],
  [
    '---\nto: opus\neffects: write\n---\nhello\n',
    '3: effects: text "write"; one of none, git, external',
  ],
  [
    '---\nto: opus\nattempt: 0\n---\nhello\n',
    '3: attempt: text "0"; a whole number from 1 to 1000000',
  ],
  ['---\nto: opus\nduration_ms: 3s\n---\nhello\n', '3: duration_ms: text "3s"; a number from 0'],
  ['---\nto: opus\ncost_usd: $3\n---\nhello\n', '3: cost_usd: text "$3"; a number from 0'],
  ['---\nto: opus\ncost_usd: 1,50\n---\nhello\n', '3: cost_usd: text "1,50"; a number from 0'],
  ['---\nto: opus\n\n\nfrom: ada\n---\nhello\n', 'message to opus from ada'],
  ['---\n\nto: opus\n---\nhello\n', 'message to opus'],
  ['---\nto: opus\n---\nfrom: ada\n---\nhello\n', 'message to opus'],
  ['---\nto: opus\n,\n---\nhello\n', '3: ",", which has no "key:"; a line "key: value"'],
  ['---\nto: opus\n}\n---\nhello\n', '3: "}", which has no "key:"; a line "key: value"'],
  ['---\nto: opus\n: x\n---\nhello\n', 'message to opus'],
  ['---\nto: opus\nkey\n---\nhello\n', '3: "key", which has no "key:"; a line "key: value"'],
  [
    '---\nto: opus\nkey:value:x\n---\nhello\n',
    '3: no space after "key:"; a space after the colon: key: value:x',
  ],
  [
    '---\nto: opus\nto: opus\n---\nhello\n',
    '3: "to:" a second time; each key once: remove one of the two',
  ],
  ['---\nto: opus\nTo: gpt\n---\nhello\n', 'message to opus'],
  ['---\nto: opus\n\tfrom: ada\n---\nhello\n', '3: a tab; spaces: remove the tab'],
  ['---\nto:\topus\n---\nhello\n', 'message to opus'],
  ['---\nto: opus\t\n---\nhello\n', 'message to opus'],
  [
    '---\nto: \u201copus\u201d\n---\nhello\n',
    '2: to: text "\u201copus\u201d"; the name alone: opus',
  ],
  ['---\nto: opus\u2028\n---\nhello\n', 'message to opus'],
  ['---\nto\uff1a opus\n---\nhello\n', '2: "\uff1a", which is not a colon; ":" and a space'],
  [
    '---\nto: opus\u200b\n---\nhello\n',
    '2: to: text "opus\u200b"; the name without an invisible character (U+200B)',
  ],
  ['---\n\u200bto: opus\n---\nhello\n', '2: an invisible character (U+200B); "to:"'],
  ['---\nto: \uff4f\uff50\uff55\uff53\n---\nhello\n', 'message to opus'],
  ['---\nto: \u043epus\n---\nhello\n', `2: to: text "оpus"; ${ADDRESS}`],
  [
    '---\nto: opus\nsubject: \u201cRe: x\u201d\n---\nhello\n',
    '3: ": " inside a value; quotes around it: subject: "\u201cRe: x\u201d"',
  ],
  ['---\nto: opus\u0007\n---\nhello\n', '2: a control character; the line without it'],
  [
    '---\nto: opus\nx: [1, 2\n---\nhello\n',
    '3: "[" that is not closed; "]" at the end of the value',
  ],
  [
    '---\nto: opus\nx: {a: 1\n---\nhello\n',
    '3: "{" that is not closed; "}" at the end of the value',
  ],
  [
    '---\nto: opus\nx: "a\\qb"\n---\nhello\n',
    '3: a "\\" in double quotes (unknown escape sequence); single quotes (\'), in which it stands for itself',
  ],
  ['to: opus\n---\nhello\n', '1: "to: opus"; a line --- before the fields, and one after them'],
  [
    '> On Tue Ada wrote:\n> hello\n\nyes\n\n---\nto: opus\n---\n',
    '1: "> On Tue Ada wrote:"; --- as the first line: move what stands before it below the fields',
  ],
  [
    'Title\n---\ntext\n',
    'note 1: "Title"; --- as the first line: move what stands before it below the fields',
  ],
  [
    '---------- Forwarded message ---------\nFrom: Ada <a@x>\n\nhello\n',
    '2: "From: Ada <a@x>"; a line --- before the fields, and one after them',
  ],
  [
    '\u200e---\nto: opus\n---\nhello\n',
    '1: an invisible character (U+200E); ---, and nothing else in its line',
  ],
  [
    '---\u00a0\nto: opus\n---\nhello\n',
    '1: a character that only looks like a space (U+00A0); ---, and nothing else in its line',
  ],
  [
    '---\n---\nto: opus\n---\nx\n',
    '3: "to: opus" below the fields; the fields between the first two lines ---',
  ],
  [
    '---\ntitle: x\n---\n\nTo: opus\n\nx\n',
    '5: "To: opus" below the fields; the fields between the first two lines ---',
  ],
  ['---\n* to: opus\n---\nhello\n', '2: "*", which begins no item; the line alone: to: opus'],
  ['---\nto: opus\nfiles:\n  * a.md\n---\nhello\n', '4: "*", which begins no item; "-": - a.md'],
  [
    '---\nto: "Opus" <opus@laptop>\n---\nhello\n',
    '2: words after the closing quote; the value without quotes: to: Opus <opus@laptop>',
  ],
  [
    '---\nto: opus\nbody: hello\n---\n',
    '3: "body:", and no text below the fields; the text below the second line ---',
  ],
  [
    '---\nMessage: |\n  hello\nto: opus\n---\n\n',
    '2: "Message:", and no text below the fields; the text below the second line ---',
  ],
  ['---\nto: opus\nbody: hello\n---\nthere\n', 'message to opus'],
  ['---\nto: opus\n---\n', 'message to opus'],
];

/** What is said of a file, in one line. */
function tell(text: string): string {
  const read = decodeMessage(Buffer.from(text), 'data/channels/general/x.md');
  if (read.kind === 'rejected') {
    const { isNote, line, found, expected } = read.rejection;
    return `${isNote === true ? 'note ' : ''}${line}: ${found}; ${expected}`;
  }
  const { to, from } = read.message.fields;
  const names = to.map(({ name, host }) => (host === null ? name : `${name}@${host}`));
  return `message to ${names.join(', ')}${from === null ? '' : ` from ${from}`}`;
}

describe('a file made by hand', () => {
  it('is one of a hundred and more', () => expect(FILES.length).toBeGreaterThan(100));

  it.each(FILES)('%j', (text, line) => {
    expect(tell(text)).toBe(line);
    expect(tell(text)).not.toContain('\n');
  });
});

describe('front matter that nothing reads', () => {
  it.each([
    [
      'to: opus\nsubject: PR #42 fails',
      ['"#42 fails" is a comment in YAML and is ignored: quote the subject'],
    ],
    ['to: opus\nsubject: #42', ['"#42" is a comment in YAML and is ignored: quote the subject']],
    ['to: opus # the best\nsubject: "PR #42"', []],
    ['to: opus\nsubject: C#', []],
    ['to: opus\nTo: gpt', ['"To:" is not a field and is ignored; "to:" is one']],
    ['to: opus\nCC: gpt', ['"CC:" is not a field and is ignored; "to:" is one']],
    ['to: opus\nRe: hello', ['"Re:" is not a field and is ignored; "re:" is one']],
    ['to: opus\nin-reply-to: x', ['"in-reply-to:" is not a field and is ignored; "re:" is one']],
    [
      'to: opus\ntimeout-minutes: 5',
      ['"timeout-minutes:" is not a field and is ignored; "timeout_minutes:" is one'],
    ],
    [
      'to: opus\nattachments: [a.csv]',
      ['"attachments:" is not a field and is ignored; "files:" is one'],
    ],
    ['to: opus\nprojct: app', ['"projct:" is not a field and is ignored; "project:" is one']],
    ['to: opus\nbody: x\ncolour: blue\nstatus: new\nlabels: [a]\ndue: x\nchannel: general', []],
    ['to: opus\nsubject: x\ntitle: y\ntags: [z]\nisolate: none', []],
    ['to: workflow\ntype: workflow\nPriority: 5\ntitle: x', []],
  ])('%j', (head, slips) => {
    const read = decodeMessage(Buffer.from(`---\n${head}\n---\nhello\n`));
    expect(read.kind === 'message' ? headSlips(read.message) : read).toEqual(slips);
  });
});
