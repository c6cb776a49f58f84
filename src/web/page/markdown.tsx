/**
 * Markdown of strangers as elements. The parser knows no raw HTML, and nothing here ever writes
 * HTML: each token becomes an element of the list below or only its text, and of attributes nothing
 * is taken over but a checked address and an ordinal. Pictures become links, so that a message
 * cannot make the browser ask another machine for anything.
 */
import MarkdownIt from 'markdown-it';
import type { ComponentChild, VNode } from 'preact';
import { h } from 'preact';

interface Token {
  readonly type: string;
  readonly tag: string;
  readonly nesting: number;
  readonly content: string;
  readonly info: string;
  readonly hidden: boolean;
  readonly children: readonly Token[] | null;
  readonly attrGet: (name: string) => string | null;
}

const parser = new MarkdownIt({ html: false, linkify: true, typographer: false, breaks: false });

/**
 * Tags of tokens that are drawn, and what they are drawn as. Headings were put below those of the
 * page before.
 */
const TAGS: Readonly<Record<string, string>> = {
  p: 'p',
  h2: 'h2',
  h3: 'h3',
  h4: 'h4',
  h5: 'h5',
  h6: 'h6',
  ul: 'ul',
  ol: 'ol',
  li: 'li',
  blockquote: 'blockquote',
  em: 'em',
  strong: 'strong',
  s: 's',
  table: 'table',
  thead: 'thead',
  tbody: 'tbody',
  tr: 'tr',
  th: 'th',
  td: 'td',
};

/** Renders a text. `below`: the level of the heading that it stands under. */
export function Markdown({
  text,
  below = 2,
}: {
  readonly text: string;
  readonly below?: number;
}): VNode {
  const tokens = parser.parse(text, {}) as readonly Token[];
  return (
    <div class="prose" dir="auto">
      {build(placeHeadings(tokens, below))}
    </div>
  );
}

/** Headings begin below that of the page and leave no level out, whatever the text does. */
function placeHeadings(tokens: readonly Token[], below: number): readonly Token[] {
  let last = below;
  return tokens.map((token) => {
    const level = Number(/^h([1-6])$/.exec(token.tag)?.[1] ?? 0);
    if (level === 0) return token;
    if (token.nesting === 1) last = Math.min(6, last + 1, below + level);
    return { ...token, tag: `h${last}`, attrGet: (name) => token.attrGet(name) };
  });
}

interface Open {
  readonly token: Token;
  readonly children: ComponentChild[];
}

function build(tokens: readonly Token[]): readonly ComponentChild[] {
  const top: ComponentChild[] = [];
  const open: Open[] = [];
  const add = (child: ComponentChild): void => void (open.at(-1)?.children ?? top).push(child);
  for (const token of tokens) {
    if (token.nesting === 1) open.push({ token, children: [] });
    else if (token.nesting === -1) {
      const done = open.pop();
      if (done !== undefined) add(close(done));
    } else add(leaf(token));
  }
  // A text cannot leave anything open, but whatever it does nothing of it is lost.
  for (let done = open.pop(); done !== undefined; done = open.pop()) add(close(done));
  return top;
}

function close({ token, children }: Open): ComponentChild {
  if (token.hidden) return children;
  if (token.tag === 'a') return link(token.attrGet('href'), children);
  const tag = TAGS[token.tag];
  if (tag === undefined) return children;
  if (tag === 'table')
    return (
      <div class="table-scroll">
        <table>{children}</table>
      </div>
    );
  const align = /text-align:(left|right|center)/.exec(token.attrGet('style') ?? '')?.[1];
  const start = tag === 'ol' ? Number(token.attrGet('start') ?? '1') : 1;
  return h(
    tag,
    {
      ...(align === undefined ? {} : { class: `align-${align}` }),
      ...(start === 1 ? {} : { start }),
    },
    children,
  );
}

function leaf(token: Token): ComponentChild {
  switch (token.type) {
    case 'inline':
      return build(token.children ?? []);
    case 'code_inline':
      return <code>{token.content}</code>;
    case 'code_block':
    case 'fence':
      return (
        <pre data-language={/^[\w+#.-]{1,20}/.exec(token.info)?.[0] ?? ''} tabIndex={0}>
          <code>{token.content.replace(/\n$/, '')}</code>
        </pre>
      );
    case 'softbreak':
      return '\n';
    case 'hardbreak':
      return <br />;
    case 'hr':
      return <hr />;
    case 'image':
      return link(token.attrGet('src'), [`🖼 ${token.content === '' ? 'picture' : token.content}`]);
    default:
      return token.content;
  }
}

/**
 * A link that a person may follow: to the web, to a mail address, or to a message of this
 * transport. Anything else is only its text.
 */
function link(href: string | null, children: readonly ComponentChild[]): VNode {
  const address = href ?? '';
  const at = address.startsWith('data/channels/') ? 0 : address.indexOf('/data/channels/') + 1;
  const inside =
    (at > 0 || address.startsWith('data/')) && /^[^?#]+\.md$/.test(address.slice(at))
      ? address.slice(at)
      : undefined;
  if (inside !== undefined && !/^[a-z][a-z0-9+.-]*:/i.test(address))
    return <a href={`/m/${encodeURIComponent(inside)}`}>{children}</a>;
  if (!/^(https?:\/\/|mailto:)/i.test(address)) return <span class="no-link">{children}</span>;
  return (
    <a href={address} target="_blank" rel="noopener noreferrer nofollow" title={address}>
      {children}
    </a>
  );
}
