/**
 * How a notice reaches a person: a program of the desktop, any command, a mail program, or a POST.
 * Texts go by stdin, variables or JSON, never through a shell.
 */
import { SECOND } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { NoticeKind, Notifier } from '../../local/notify-settings.ts';
import { runTool } from '../../local/run-tool.ts';
import { oneLine } from '../../base/plain-text.ts';

/** A notice: one thing, or that there are many. */
export interface Notice {
  readonly kind: NoticeKind;
  /** One line: what happened, where. */
  readonly title: string;
  readonly text: string;
  /** The command that does something about it. */
  readonly fix: string;
}

const LIMIT_MS = 8 * SECOND;
type Env = Readonly<Record<string, string | undefined>>;

/** Null when it was taken, else why not. Never throws, and takes at most eight seconds. */
export async function deliverNotice(
  notice: Notice,
  notifier: Notifier,
  env: Env,
): Promise<string | null> {
  const [title, text] = [oneLine(notice.title, 200), `${notice.text}\n\n${notice.fix}\n`];
  const told = {
    ...env,
    CROSSTALK_NOTICE_KIND: notice.kind,
    CROSSTALK_NOTICE_TITLE: title,
    CROSSTALK_NOTICE_TEXT: notice.text,
    CROSSTALK_NOTICE_FIX: notice.fix,
  };
  switch (notifier.way) {
    case 'webhook':
      return postJson(notifier.url, {
        kind: notice.kind,
        title,
        text: [title, restOf(title, notice.text), '', notice.fix]
          .filter((line, at) => line !== '' || at === 2)
          .join('\n'),
        fix: notice.fix,
      });
    case 'desktop':
      return run(desktopCommand(process.platform, title, notice), { env: told, input: '' });
    case 'command':
      return run(notifier.argv, { env: told, input: `${title}\n\n${text}` });
    case 'mail':
      return run(notifier.argv, { env: told, input: formatMail(notifier.to, title, text) });
  }
}

/**
 * The program that shows a notice on the desktop, with its arguments. Bodies are markup there
 * (Desktop Notifications, "Markup"), titles are not.
 */
export function desktopCommand(
  platform: NodeJS.Platform,
  title: string,
  notice: Notice,
): readonly [string, ...string[]] {
  if (platform !== 'darwin') {
    const body = [restOf(title, notice.text), notice.fix].filter((line) => line !== '').join('\n');
    return ['notify-send', '--app-name=crosstalkd', '--', title, escapeMarkup(body)];
  }
  // AppleScript reads the texts from the environment, where they are data and no script.
  const script =
    'display notification (system attribute "CROSSTALK_NOTICE_TEXT") with title (system attribute "CROSSTALK_NOTICE_TITLE")';
  return ['osascript', '-e', script];
}

/** What a text says that its title does not. */
function restOf(title: string, text: string): string {
  const told = title.replace(/^crosstalkd: /, '');
  return text.startsWith(told) ? text.slice(told.length).replace(/^: /, '') : text;
}

function escapeMarkup(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** A mail in UTF-8; the subject is encoded when it is more than ASCII. */
export function formatMail(to: string, title: string, text: string): string {
  const subject = /^[\x20-\x7e]*$/.test(title)
    ? title
    : `=?utf-8?B?${Buffer.from(Array.from(title).slice(0, 15).join('')).toString('base64')}?= ${encodeRest(Array.from(title).slice(15))}`.trimEnd();
  const head = [
    `To: ${to}`,
    `Subject: ${subject}`,
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: base64',
    'Auto-Submitted: auto-generated',
  ];
  const body = Buffer.from(text).toString('base64').replace(/.{76}/g, '$&\n');
  return `${head.join('\n')}\n\n${body}\n`;
}

function encodeRest(points: readonly string[]): string {
  const words: string[] = [];
  for (let at = 0; at < points.length; at += 15)
    words.push(
      `\n =?utf-8?B?${Buffer.from(points.slice(at, at + 15).join('')).toString('base64')}?=`,
    );
  return words.join('');
}

async function run(
  argv: readonly [string, ...string[]],
  { env, input }: { readonly env: Env; readonly input: string },
): Promise<string | null> {
  const ended = await runTool({ argv, env, input, limitMs: LIMIT_MS });
  if (ended.code === 0) return null;
  return ended.problem ?? oneLine(`exit code ${String(ended.code)} ${ended.stderr}`, 300);
}

async function postJson(url: string, body: unknown): Promise<string | null> {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(LIMIT_MS),
    });
    await answer.body?.cancel();
    return answer.ok ? null : `it answered ${answer.status}`;
  } catch (error) {
    return errorText(error instanceof Error && error.cause instanceof Error ? error.cause : error);
  }
}
