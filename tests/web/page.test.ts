import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBrowser, startWeb, type WebChild } from '../support/browser.ts';
import { type Cli, letter, listOf, type Running, startCli } from '../support/cli.ts';
import { eventually } from '../support/eventually.ts';

/** Answers at once, never on its own, not at all, or from the second time on. */
function modelsOf(place: string): string {
  const agent = (name: string, script: string, keys = ''): string => {
    const path = join(place, `${name}.mjs`);
    mkdirSync(place, { recursive: true });
    writeFileSync(path, script);
    return `  ${name}: { adapter: command, command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(path)}], effects: none${keys} }\n`;
  };
  const moody = `import { existsSync, writeFileSync } from 'node:fs';\nconst seen = ${JSON.stringify(join(place, 'seen'))};\nif (existsSync(seen)) console.log('Now'); else { writeFileSync(seen, ''); process.exit(3); }`;
  return `models:\n${agent('swift', "console.log('A **swift** answer')")}${agent('endless', `console.log('I \\x1b[31mbegin\\x1b[0m <b>now</b>'); setInterval(() => undefined, 1000)`)}${agent('outside', 'process.exit(0)').replace('none', 'external')}${agent('broken', 'process.exit(3)', ', attempts: 1')}${agent('moody', moody, ', attempts: 1')}`;
}

let cli: Cli;
let web: WebChild;
let host: Running;
let browser: Browser;
let context: BrowserContext;
let page: Page;
/** Addresses that the page asked outside of its server. */
const abroad: string[] = [];
const problems: string[] = [];

async function openPage(
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<{ readonly context: BrowserContext; readonly page: Page }> {
  const fresh = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  fresh.setDefaultTimeout(90_000);
  const opened = await fresh.newPage();
  opened.on('request', (request) => {
    if (!request.url().startsWith(web.origin)) abroad.push(request.url());
  });
  opened.on('pageerror', (error) => problems.push(error.message));
  opened.on('console', (message) => {
    // A refusal that the page tells of is one of these, too; what is asked elsewhere is in
    // `abroad`.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      problems.push(message.text());
  });
  opened.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await opened.goto(web.url);
  await opened.locator('.verdict').waitFor();
  return { context: fresh, page: opened };
}

const seen = (locator: Locator): Promise<void> => locator.first().waitFor({ state: 'visible' });
const confirm = (word: string): Promise<void> =>
  page.locator('dialog').getByRole('button', { name: word, exact: true }).click();
/** Every view, with something in it. */
const PATHS = [
  '/',
  '/c/general',
  `/m/${encodeURIComponent('data/channels/hostile/first.md')}`,
  '/search?q=swift',
  '/runs',
  '/runs/drawn',
  '/runs/drawn/timeline',
  '/runs/drawn/tasks',
  '/hosts',
  '/charts',
];

async function settled(on: Page): Promise<void> {
  await on.locator('main :is(h1, h2, .empty-title):visible').first().waitFor();
  await on.locator('.loading').waitFor({ state: 'detached' });
}

/** What axe-core finds, in a line each. */
function violations(on: Page): Promise<readonly string[]> {
  return on.evaluate(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => id + ': ' + target.join(' ') + ': ' + failureSummary)))`);
}

const pending = (): Locator => page.locator('.pending');
const now = (): Promise<void> => pending().getByRole('button', { name: 'Now' }).click();
const idOf = (sent: { readonly data: Readonly<Record<string, unknown>> }): string =>
  String(sent.data['id']);

beforeAll(async () => {
  cli = await startCli();
  const models = modelsOf(join(cli.place, 'agents'));
  cli.say({ 'data/models.yaml': models });
  expect((await cli.run(['allow', '--all'])).code).toBe(0);
  host = cli.start(['run', '--interval', '0.3']);
  [web, browser] = await Promise.all([startWeb(cli), startBrowser()]);
  ({ context, page } = await openPage());
}, 240_000);

afterAll(async () => {
  await context.close();
  await browser.close();
  await host.stop();
  const code = await web.stop('SIGTERM');
  cli.close();
  expect(code).toBe(0);
});

describe('the page', () => {
  it('shows a message and its answer as they arrive, without a load, and keeps the token out of the address', async () => {
    await page.goto(`${web.origin}/c/general`);
    expect(page.url()).not.toContain('token');
    await page.evaluate('globalThis.sameDocument = true');
    await cli.run(['send', '--to', 'swift', '--subject', 'Good morning', '-m', 'Are *you* there?']);
    const row = page.locator('.thread-row', { hasText: 'Good morning' });
    await seen(row);
    await row.click();
    await seen(page.locator('.message .prose em', { hasText: 'you' }));
    await seen(page.locator('.message.is-reply strong', { hasText: 'swift' }));
    await seen(row.locator('text=1 answer'));
    expect(await page.evaluate<boolean>(`'sameDocument' in globalThis`)).toBe(true);
  });

  it('gives each message an address that opens its conversation at that message', async () => {
    const id = idOf(await cli.json(['send', '--to', 'swift', '--subject', 'Lasting', '-m', 'One']));
    const answer = `${id}.re.swift`;
    await cli.run(['wait', id]);
    await page.goto(`${web.origin}/m/${answer}`);
    await seen(page.locator(`[id="m-${answer}"].is-asked`));
    expect(await page.locator('.thread h1').textContent()).toBe('Lasting');
    await page.goto(`${web.origin}/m/nothing-of-this-name`);
    await seen(page.getByText('there is no message "nothing-of-this-name"'));
  });

  it('does nothing that hostile markdown wants, and asks no other machine', async () => {
    const text = [
      '<script>document.title = "taken"</script><img src="https://evil.example/a.png" onerror="alert(1)">',
      '[click](javascript:alert(1)) [data](data:text/html,<script>alert(1)</script>) [vb](vbscript:x) [odd](JaVaScRiPt:alert(1))',
      '![pixel](https://evil.example/pixel.png) ![file](file:///etc/passwd)',
      '<iframe src="https://evil.example"></iframe><svg onload=alert(1)></svg><style>body{display:none}</style>',
      '[fine](https://fine.example/page) https://bare.example/x',
      '```"onmouseover="alert(1)\ncode </code></pre><script>alert(1)</script>\n```',
      '<a href="https://evil.example" ping="https://evil.example/ping">x</a> <meta http-equiv="refresh" content="0;url=https://evil.example">',
    ].join('\n\n');
    cli.say({
      'data/channels/hostile/first.md': letter(
        'ada',
        text,
        'from: eve\nsubject: "<img src=x onerror=alert(2)> \\"><script>alert(3)</script>"\n',
      ),
      'data/channels/hostile/CHANNEL.md': '---\ndescription: <script>alert(4)</script>\n---\n',
    });
    await page.goto(`${web.origin}/m/${encodeURIComponent('data/channels/hostile/first.md')}`);
    const prose = page.locator('.prose');
    await seen(prose.getByText('code </code></pre>'));
    expect(
      await prose
        .locator(
          'script, img, svg, iframe, style, meta, object, [onerror], [onload], [onmouseover], [ping], [style]',
        )
        .count(),
    ).toBe(0);
    const links = await page.evaluate<readonly (readonly [string, string])[]>(
      `[...document.querySelectorAll('.prose a')].map((one) => [one.getAttribute('href'), one.getAttribute('rel')])`,
    );
    expect(links.map(([href]) => href)).toEqual(
      expect.arrayContaining([
        'https://evil.example/pixel.png',
        'https://fine.example/page',
        'https://bare.example/x',
      ]),
    );
    for (const [href, rel] of links)
      expect([/^https:\/\/[a-z.]+(\/|$)/.test(href), rel]).toEqual([
        true,
        'noopener noreferrer nofollow',
      ]);
    await prose.getByText('click').click();
    expect(await page.title()).toMatch(/^(\(\d+\) )?<img src=x .* · team$/);
    expect(await page.locator('.thread h1').textContent()).toContain('<img src=x');
    expect(abroad).toEqual([]);
    expect(problems).toEqual([]);
  });

  it('sends what was written in the form, unless it is taken back before', async () => {
    await page.goto(`${web.origin}/c/general`);
    await seen(page.locator('.thread-row'));
    await page.keyboard.press('c');
    const form = page.getByRole('dialog', { name: 'New message' });
    await form.getByRole('button', { name: 'swift' }).click();
    await form.getByLabel('Subject').fill('From the page');
    await form.getByLabel('Message').fill('--to everybody: is this one text?');
    await form.getByLabel('Attach files').setInputFiles({
      name: 'notes "1".txt',
      mimeType: 'text/plain',
      buffer: Buffer.from([0, 104, 105, 255]),
    });
    await seen(form.getByText('4 B'));
    const commits = cli.git(['rev-list', '--count', 'main'], cli.remote);
    await form.getByLabel('Message').press('Control+Enter');
    await seen(
      pending().getByText(
        `crosstalkd send --to swift --channel general --subject 'From the page' --file 'notes "1".txt' -m TEXT`,
      ),
    );
    await page.keyboard.press('z');
    // Everything that was written is there again.
    await seen(form.getByText('notes "1".txt'));
    expect([
      await form.getByLabel('To', { exact: true }).inputValue(),
      await form.getByLabel('Subject').inputValue(),
      await form.getByLabel('Message').inputValue(),
    ]).toEqual(['swift', 'From the page', '--to everybody: is this one text?']);
    expect(cli.git(['rev-list', '--count', 'main'], cli.remote)).toBe(commits);
    await form.getByRole('button', { name: 'Send' }).click();
    await now();
    await seen(page.locator('.message.is-reply', { hasText: 'swift answer' }));
    const [found] = listOf((await cli.json(['search', 'is this one text'])).data, 'messages');
    expect(found).toMatchObject({
      from: 'ada',
      to: ['swift'],
      subject: 'From the page',
      channel: 'general',
    });
    const files = cli
      .git(['ls-tree', '-r', '--name-only', '-z', 'main'], cli.remote)
      .split('\0')
      .filter((path) => path.endsWith('.txt'));
    expect(files).toEqual([expect.stringMatching(/\/notes -1-?\.txt$/)]);
    await page.keyboard.press('r');
    await page.keyboard.type('And again?');
    await page.locator('.reply').getByLabel('To').fill('swift');
    await page.locator('.reply').getByRole('button', { name: 'Send' }).click();
    await now();
    await eventually(
      () => page.locator('.message').count(),
      (count) => count === 4,
    );
  });

  it('makes what waits when the page is left, for nobody has taken it back', async () => {
    const other = await openPage();
    await other.page.goto(`${web.origin}/c/general`);
    await seen(other.page.locator('.thread-row'));
    await other.page.keyboard.press('c');
    const form = other.page.getByRole('dialog', { name: 'New message' });
    await form.getByLabel('To', { exact: true }).fill('grace, swift');
    await form.getByLabel('To', { exact: true }).fill('swift');
    await form.getByLabel('Message').fill('Sent on the way out');
    await form.getByRole('button', { name: 'Send' }).click();
    await seen(other.page.locator('.pending'));
    await other.page.goto('about:blank');
    await eventually(
      async () => listOf((await cli.json(['search', 'on the way out'])).data, 'messages').length,
      (count) => count === 1,
    );
    await other.context.close();
  });

  it('says while one types who is meant, and who acts outside', async () => {
    await page.goto(`${web.origin}/c/general`);
    await seen(page.locator('.thread-row'));
    await page.keyboard.press('c');
    const form = page.getByRole('dialog', { name: 'New message' });
    const to = form.getByLabel('To', { exact: true });
    await to.fill('swfit, outside, swift@mars');
    await seen(form.locator('.checked .bad', { hasText: 'did you mean “swift”?' }));
    await seen(form.locator('.checked .warn', { hasText: 'outside has outside effects' }));
    await seen(form.locator('.checked', { hasText: 'no host "mars" has been seen' }));
    await form.getByLabel('Message').fill('Hello');
    await form.getByRole('button', { name: 'Send' }).click();
    expect(await page.locator('.pending').count()).toBe(0);
    await form.getByRole('button', { name: 'use swift' }).click();
    expect(await to.inputValue()).toBe('swift, outside, swift@mars');
    await page.keyboard.press('Escape');
  });

  it('says why nothing was sent, and gives back what was written', async () => {
    await page.goto(`${web.origin}/c/general`);
    await seen(page.locator('.thread-row'));
    await page.keyboard.press('c');
    const form = page.getByRole('dialog', { name: 'New message' });
    await form.getByLabel('To', { exact: true }).fill('swift');
    await form.getByLabel('Channel').fill('No Such Place');
    await form.getByLabel('Message').fill('Hello there');
    await form.getByRole('button', { name: 'Send' }).click();
    await now();
    await seen(page.locator('.refused', { hasText: 'Not done: Send to swift' }));
    expect(await form.getByLabel('Message').inputValue()).toBe('Hello there');
    await page.keyboard.press('Escape');
    await page.locator('.refused').getByRole('button', { name: 'Close' }).click();
  });

  it('finds what was said, by keyboard', async () => {
    await page.goto(`${web.origin}/runs`);
    await seen(page.getByRole('heading', { name: 'Runs' }));
    await page.keyboard.press('/');
    await page.locator('input[type=search]').waitFor();
    await eventually(
      () => page.evaluate<string>(`document.activeElement?.getAttribute('type')`),
      (type) => type === 'search',
    );
    await page.keyboard.type('one text');
    await seen(page.locator('mark', { hasText: 'one text' }));
    expect(page.url()).toContain('/search?q=one%20text');
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await seen(page.locator('.thread h1', { hasText: 'From the page' }));
    await page.goto(`${web.origin}/search?q=nobodysaidthis`);
    await seen(page.getByText('No message contains “nobodysaidthis”'));
  });

  it('cancels a message whose agent runs, and the agent is stopped', async () => {
    const id = idOf(await cli.json(['send', '--to', 'endless', '-m', 'Take your time']));
    await page.goto(`${web.origin}/m/${id}`);
    await seen(page.getByText('works on it on mbp'));
    await page.getByRole('button', { name: 'Why?' }).click();
    await seen(page.locator('.why', { hasText: 'runs on mbp' }));
    // What it prints is shown as text, as it comes; and what git knows of the message.
    await page.getByRole('button', { name: 'Output' }).click();
    await seen(page.locator('.output', { hasText: 'begin' }).getByText('<b>now</b>'));
    await page.getByRole('button', { name: 'History' }).click();
    await seen(page.locator('.history li', { hasText: 'ada → endless: Take your time' }));
    await page.getByRole('button', { name: 'Cancel …' }).click();
    await seen(page.locator('dialog', { hasText: `crosstalkd cancel ${id}` }));
    await confirm('Cancel it');
    await seen(page.locator('.failure', { hasText: 'cancelled' }));
    await eventually(
      async () =>
        (await cli.json(['status'])).data['here'] as { readonly running: readonly unknown[] },
      (here) => here.running.length === 0,
    );
  });

  it('asks a message again that failed', async () => {
    const id = idOf(
      await cli.json(['send', '--to', 'broken', '--subject', 'Try', '-m', 'Once more']),
    );
    await page.goto(`${web.origin}/m/${id}`);
    await page.getByRole('button', { name: 'Retry' }).click();
    await now();
    await eventually(
      () => page.url(),
      (url) => url.includes('/m/') && !url.endsWith(id),
    );
    await eventually(
      () => page.locator('.message.is-failed').count(),
      (count) => count === 2,
    );
    const again = decodeURIComponent(page.url().split('/m/')[1] ?? '');
    expect((await cli.json(['show', again])).data).toMatchObject({
      message: { re: [expect.stringContaining(id)] },
    });
  });

  it('draws a run as it moves, and takes the answer to its gate', async () => {
    const file = join(cli.place, 'drawn.md');
    writeFileSync(
      file,
      `---\nto: workflow\ntype: workflow\nname: drawing\nchild_channel: drawn\ninputs: { size: { type: string, default: large } }\nsteps:\n  a: { model: swift, prompt: "Begin" }\n  ok: { needs: [a], ask: { title: "Go on?" } }\n  each: { needs: [a], matrix: { side: [left, right] }, steps: { in: { model: swift, prompt: "x" } } }\n  b: { needs: [ok, each], model: swift, prompt: "End" }\n---\n`,
    );
    await page.goto(`${web.origin}/runs`);
    await cli.run(['workflow', 'run', file]);
    // What people call it comes first, then what it was given.
    await page.locator('.row', { hasText: /^drawing drawn · size large/ }).click();
    await seen(page.getByRole('heading', { name: /^drawing/ }));
    await seen(page.locator('.inputs', { hasText: 'sizelarge' }));
    const box = (step: string, status: string): Locator =>
      page.locator(`[data-step="${step}"][data-status="${status}"]`);
    await seen(box('a', 'succeeded'));
    await seen(box('ok', 'waiting-human'));
    await page.locator('.gate textarea').fill('It looks right');
    await page.getByRole('button', { name: 'Approve' }).click();
    await seen(pending().getByText(`crosstalkd workflow approve drawn ok -m 'It looks right'`));
    await now();
    await seen(box('b', 'succeeded'));
    await seen(page.locator('h1 .pill', { hasText: 'succeeded' }));
    expect((await cli.json(['workflow', 'show', 'drawn'])).data).toMatchObject({
      status: 'succeeded',
      gates: [{ decision: 'approve' }],
    });
    // A group is a frame with its count, and what is in it is drawn once.
    await seen(page.locator('[data-group="each"]', { hasText: 'each · 2 items' }));
    await seen(page.getByRole('link', { name: /^in 2 of 2 done: succeeded/ }));
    expect(await page.locator('.edge').count()).toBe(4);
    await page.getByRole('button', { name: 'Timeline' }).click();
    expect(await page.locator('.timeline-row').count()).toBe(5);
    await seen(page.locator('.timeline-row', { hasText: /^in left/ }));
    await seen(page.locator('.timeline-row', { hasText: /^ok approve/ }));
    expect(page.url()).toBe(`${web.origin}/runs/drawn/timeline`);
    await page.getByRole('button', { name: 'Tasks' }).click();
    const task = page.locator('.row', { hasText: 'a' }).first();
    await seen(page.locator('.row', { hasText: 'swift on mbp' }));
    // Every run has a task of this name; its address says of which run.
    expect(await task.getAttribute('href')).toBe('/m/drawn%2Fsteps%2Fa%2Fone%2Ftask');
    await task.click();
    await seen(page.locator('.message', { hasText: 'Begin' }));
  });

  it('gives the answer that a gate takes: a no with its reason, a choice, a text', async () => {
    cli.say({
      'data/channels/general/asks.md':
        '---\nto: workflow\ntype: workflow\nchild_channel: asks\nsteps:\n  where: { ask: { title: "Where to?", kind: choose, choices: [mail, chat] } }\n  whom: { needs: [where], ask: { title: "For whom?", kind: input } }\n  ok: { needs: [whom], ask: { title: "Really?" } }\n---\n',
    });
    await page.goto(`${web.origin}/runs/asks`);
    const gate = (title: string): Locator => page.locator('.gate', { hasText: title });
    await seen(gate('Where to?'));
    expect(await gate('Where to?').getByRole('button').allTextContents()).toEqual(['mail', 'chat']);
    for (const words of [['deny'], ['approve', '--choice', 'nowhere']])
      expect(
        (await cli.run(['workflow', words[0] ?? '', 'asks', 'where', ...words.slice(1)])).stderr,
      ).toContain('takes one of mail, chat; found');
    // Where everything that needs somebody stands it can be answered, too.
    await page.goto(web.origin);
    await gate('Where to?').getByRole('button', { name: 'chat' }).click();
    await seen(pending().getByText('crosstalkd workflow approve asks where --choice chat'));
    await now();
    await gate('For whom?').getByRole('button', { name: 'Answer' }).click();
    expect(await gate('For whom?').locator('textarea:invalid').count()).toBe(1);
    await gate('For whom?').locator('textarea').fill('the neighbours');
    await gate('For whom?').getByRole('button', { name: 'Answer' }).click();
    await now();
    await seen(gate('Really?'));
    await page.goto(`${web.origin}/runs/asks`);
    await gate('Really?').locator('textarea').fill('On second thoughts, no');
    await gate('Really?').getByRole('button', { name: 'Deny' }).click();
    await now();
    await seen(page.locator('h1 .pill', { hasText: 'failed' }));
    const { gates } = (await cli.json(['workflow', 'show', 'asks'])).data;
    expect(gates).toMatchObject([
      { decision: 'chat' },
      { decision: 'answer' },
      { decision: 'deny' },
    ]);
    await seen(page.locator('.section .card', { hasText: 'On second thoughts, no' }));
  });

  it('pauses a run and lets it continue, and runs again what failed', async () => {
    const run = (name: string, steps: string): string =>
      `---\nto: workflow\ntype: workflow\nchild_channel: ${name}\nsteps:\n${steps}---\n`;
    cli.say({
      'data/channels/general/held.md': run(
        'held',
        '  ok: { ask: { title: "Now?" } }\n  a: { needs: [ok], model: swift, prompt: "Go" }\n',
      ),
      'data/channels/general/mended.md': run('mended', '  a: { model: moody, prompt: "Go" }\n'),
    });
    const pill = (word: string): Locator => page.locator('h1 .pill', { hasText: word });
    await page.goto(`${web.origin}/runs/held`);
    await seen(page.locator('.gate', { hasText: 'Now?' }));
    await page.getByRole('button', { name: 'Pause' }).click();
    await now();
    await seen(pill('paused'));
    await page.getByRole('button', { name: 'Resume', exact: true }).click();
    await now();
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    // The key presses the only button of its kind.
    await page.keyboard.press('a');
    await now();
    await seen(pill('succeeded'));
    await page.goto(`${web.origin}/runs/mended`);
    await seen(pill('failed'));
    await page.getByRole('button', { name: 'Retry' }).click();
    await now();
    // A run that is over is not changed: the page continues to the one that takes over from it.
    await seen(pill('succeeded'));
    expect(page.url()).not.toMatch(/mended$/);
  });

  it('shows a long conversation from its end, and the rest when it is asked for', async () => {
    const note = (at: number): string =>
      letter('ada', `Word ${at}`, at === 0 ? '' : 're: data/channels/long/000.md\n');
    const name = (at: number): string => `data/channels/long/${String(at).padStart(3, '0')}.md`;
    cli.say(Object.fromEntries(Array.from({ length: 150 }, (_, at) => [name(at), note(at)])));
    await page.goto(`${web.origin}/m/${encodeURIComponent(name(0))}`);
    await seen(page.getByText('Word 149', { exact: true }));
    expect(await page.getByText('Word 5', { exact: true }).count()).toBe(0);
    await page.getByRole('button', { name: '89 earlier messages' }).click();
    await seen(page.getByText('Word 5', { exact: true }));
    await eventually(
      () => page.locator('.message').count(),
      (count) => count === 150,
    );
  });

  it('says of an archived channel where it is', async () => {
    cli.say({ 'data/channels/attic/a.md': letter('ada', 'Old things') });
    expect((await cli.run(['archive', 'attic'])).code).toBe(0);
    await page.goto(`${web.origin}/c/attic`);
    await seen(page.getByText('the channel "attic" is in the archive'));
    await seen(page.locator('.command', { hasText: 'crosstalkd archive --undo attic' }));
  });

  it('tells what needs a person first, with the command that helps, and rejected files among it', async () => {
    cli.say({ 'data/channels/general/bad.md': '---\nto: [\n---\nx\n' });
    await page.goto(web.origin);
    await seen(page.locator('.verdict h1', { hasText: 'you' }));
    const need = page.locator('.need', { hasText: 'bad.md' });
    await seen(need);
    await need
      .locator('.command', { hasText: 'crosstalkd lint data/channels/general/bad.md' })
      .waitFor();
    await need.getByRole('button', { name: 'Dismiss' }).click();
    await seen(pending().getByText('crosstalkd ack data/channels/general/bad.md'));
    await now();
    await need.waitFor({ state: 'detached' });
    // A failure is asked again, or dismissed, where it is told; with its first words.
    const failure = page.locator('.need', { hasText: '← ada “Try”' }).first();
    await failure.focus();
    await page.keyboard.press('x');
    await now();
    await seen(page.getByText('Dismissed for everybody'));
  });

  it('shows hosts with beats and slots, models with who serves them, and charts of their answers', async () => {
    await page.goto(`${web.origin}/hosts/mbp`);
    await seen(
      page.locator('.host.is-asked', { hasText: 'this machine' }).getByText('0 of 4 busy'),
    );
    await seen(page.locator('.models tr', { hasText: 'swift' }).getByText('served'));
    await page.goto(`${web.origin}/charts`);
    await seen(page.locator('.chart', { hasText: 'Answers' }).locator('rect.series-0'));
    await seen(page.locator('tbody tr', { hasText: 'swift' }));
    await page.getByRole('button', { name: 'Hosts' }).click();
    await seen(page.locator('tbody tr', { hasText: 'mbp' }));
    await seen(page.getByText('Pushes a minute, last hour'));
    await seen(page.getByText('No model rests, and none has a budget'));
    const pushes = page.locator('.section', { hasText: 'Pushes of mbp' });
    await seen(pushes.locator('.row', { hasText: /1 commit, 1 ended claim/ }).first());
    await seen(pushes.locator('.row-text').first());
  });

  it('gives the files of a message as downloads, and no file that the message does not name', async () => {
    const bytes = Buffer.from([0, 255, 60, 115, 99, 114, 105, 112, 116, 62, 10]);
    const given = join(cli.place, "what's <this>.html");
    writeFileSync(given, bytes);
    const send = ['send', '--to', 'swift', '--file', given, '-m', 'With a file'];
    const { id } = (await cli.json(send)).data as { readonly id: string };
    await page.goto(`${web.origin}/m/${id}`);
    const link = page.locator('.facts a').first();
    await seen(link);
    const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
    expect(readFileSync(await download.path())).toEqual(bytes);
    const status = await page.evaluate<number>(
      `fetch('/api/file?id=${id}&path=data/models.yaml').then(({ status }) => status)`,
    );
    expect(status).toBe(404);
  });

  it('is used with the keyboard alone: every key of its list', async () => {
    await page.goto(web.origin);
    await seen(page.locator('.verdict'));
    const press = async (...keys: readonly string[]): Promise<void> => {
      for (const key of keys) await page.keyboard.press(key);
    };
    const at = (path: string): Promise<unknown> =>
      eventually(
        () => new URL(page.url()).pathname,
        (now) => now === path,
      );
    for (const [keys, path] of [
      [['g', 'r'], '/runs'],
      [['g', 'h'], '/hosts'],
      [['g', 's'], '/charts'],
      [['g', 'n'], '/'],
      [['g', 'c'], '/c/general'],
    ] as const) {
      await press(...keys);
      await at(path);
    }
    await seen(page.locator('.thread-row'));
    const focus = (): Promise<{
      readonly row: number;
      readonly isSeen: boolean;
      readonly inside: string;
    }> =>
      page.evaluate(`(() => {
        const now = document.activeElement;
        const { outlineStyle, boxShadow, backgroundColor } = getComputedStyle(now);
        const rows = [...document.querySelectorAll('[data-row]')].filter((row) => row.offsetParent !== null);
        return {
          row: rows.indexOf(now),
          isSeen: now.matches(':focus-visible') && (outlineStyle !== 'none' || boxShadow !== 'none'),
          inside: now.closest('dialog')?.getAttribute('aria-label') ?? now.tagName,
        };
      })()`);
    await press('j', 'j', 'k');
    expect(await focus()).toMatchObject({ row: 0, isSeen: true });
    // What stands above the page has the focus until it is closed, and gives it back.
    await page.getByRole('button', { name: 'Keys' }).focus();
    for (const [key, label] of [
      ['?', 'Keys'],
      ['c', 'New message'],
    ] as const) {
      await press(key);
      await seen(page.getByRole('dialog', { name: label }));
      expect((await focus()).inside).toBe(label);
      for (let times = 0; times < 4; times += 1) {
        await press('Tab');
        // After the last one comes the browser's own window.
        expect([label, 'BODY']).toContain((await focus()).inside);
      }
      await press('Escape');
      await page.locator('dialog').waitFor({ state: 'detached' });
      await eventually(
        async () => (await focus()).inside,
        (inside) => inside === 'BUTTON',
      );
    }
    await press('j', 'Enter');
    await seen(page.locator('.message'));
    expect(page.url()).toContain('/m/');
    // While somebody writes, keys are letters.
    const conversation = page.url();
    await press('r');
    await page.keyboard.type('c?jkrut/gn');
    expect(await page.locator('.reply textarea').inputValue()).toBe('c?jkrut/gn');
    expect([page.url(), await page.locator('dialog').count()]).toEqual([conversation, 0]);
    await press('Escape');
    expect((await focus()).inside).toBe('BODY');
    await press('u');
    await at('/c/general');
    await press('t', 't');
    expect(await page.evaluate<string>(`document.documentElement.dataset['theme']`)).toBe('dark');
    await page.reload();
    expect(await page.evaluate<string>('getComputedStyle(document.body).colorScheme')).toBe('dark');
    await press('t');
    // Tab goes in the order of the page, from a way past the places at the side.
    await seen(page.locator('.thread-row'));
    await press('Tab');
    expect(await page.evaluate<string>('document.activeElement.textContent')).toBe(
      'Skip to the content',
    );
    await press('Enter', 'Tab');
    expect(
      await page.evaluate<boolean>(
        `document.querySelector('main').contains(document.activeElement)`,
      ),
    ).toBe(true);
    await press('Shift+Tab', 'Shift+Tab');
    expect(
      await page.evaluate<boolean>(
        `document.querySelector('nav').contains(document.activeElement)`,
      ),
    ).toBe(true);
  });

  it('breaks no rule of accessibility, in any view, light or dark', async () => {
    const rules = readFileSync(
      createRequire(import.meta.url).resolve('axe-core/axe.min.js'),
      'utf8',
    );
    const other = await openPage({ reducedMotion: 'reduce' });
    for (const colorScheme of ['light', 'dark'] as const) {
      await other.page.emulateMedia({ colorScheme });
      for (const path of [...PATHS, '/nowhere/at/all']) {
        await other.page.goto(web.origin + path);
        await settled(other.page);
        await other.page.evaluate(rules);
        expect([colorScheme, path, await violations(other.page)]).toEqual([colorScheme, path, []]);
        // Who asked for less motion gets none, on every view.
        const moving = await other.page.evaluate<number>(
          `[...document.querySelectorAll('*')].flatMap((one) => [null, '::before', '::after'].map((part) => getComputedStyle(one, part)))
            .filter(({ animationName, transitionDuration }) => animationName !== 'none' || /[1-9]/.test(transitionDuration)).length`,
        );
        expect([path, moving]).toEqual([path, 0]);
      }
      for (const [keys, label] of [
        ['?', 'Keys'],
        ['c', 'New message'],
        ['Control+k', 'Go to or do'],
      ] as const) {
        await other.page.goto(web.origin);
        await settled(other.page);
        await other.page.keyboard.press(keys);
        await seen(other.page.getByRole('dialog', { name: label }));
        await other.page.evaluate(rules);
        expect([colorScheme, label, await violations(other.page)]).toEqual([
          colorScheme,
          label,
          [],
        ]);
      }
    }
    await other.context.close();
  });

  it('never scrolls sideways on a phone', async () => {
    const phone = await openPage({
      viewport: { width: 360, height: 720 },
      isMobile: true,
      hasTouch: true,
    });
    for (const path of PATHS) {
      await phone.page.goto(web.origin + path);
      await settled(phone.page);
      const over = await phone.page.evaluate<readonly number[]>(
        `[document.documentElement.scrollWidth - innerWidth, document.querySelector('main').scrollWidth - document.querySelector('main').clientWidth]`,
      );
      expect([path, ...over.map((pixels) => pixels <= 0)]).toEqual([path, true, true]);
    }
    await phone.page.getByRole('button', { name: 'Menu' }).click();
    await phone.page.getByRole('link', { name: 'Runs' }).click();
    await phone.page.getByRole('heading', { name: 'Runs' }).waitFor();
    await phone.context.close();
  });

  it('says that the remote is away, refuses what needs it with the reason, and continues when it is back', async () => {
    const failed = listOf(
      (await cli.json(['log', '--failed', '--model', 'broken'])).data,
      'messages',
    )[0]?.['id'];
    const question = String(failed).replace('.re.broken', '');
    await page.goto(`${web.origin}/m/${question}`);
    await seen(page.locator('.message.is-failed'));
    renameSync(cli.remote, `${cli.remote}.away`);
    try {
      await seen(page.locator('.banner', { hasText: 'The remote does not answer' }));
      await seen(page.locator('.message.is-failed'));
      await page.locator('.reply textarea').fill('Hello?');
      await page.locator('.reply').getByLabel('To').fill('swift');
      await page.locator('.reply').getByRole('button', { name: 'Send' }).click();
      await now();
      await seen(page.locator('.refused .trouble', { hasText: 'cannot reach' }));
      expect(await page.locator('.reply textarea').inputValue()).toBe('Hello?');
    } finally {
      renameSync(`${cli.remote}.away`, cli.remote);
    }
    await page.locator('.banner').waitFor({ state: 'detached' });
    await page.locator('.reply').getByRole('button', { name: 'Send' }).click();
    await now();
    await seen(page.locator('.message', { hasText: 'Hello?' }));
  });

  it('has asked nobody but its own server, and nothing went wrong on it', () => {
    expect(abroad).toEqual([]);
    expect(problems).toEqual([]);
  });
});
