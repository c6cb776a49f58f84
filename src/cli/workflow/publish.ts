/**
 * Files that people add to runs: markers, control messages, answers to gates. Composed, read again,
 * and published as one commit each.
 */
import { formatIso, systemClock } from '../../base/clock.ts';
import { newUlid } from '../../base/ids.ts';
import { systemRandom } from '../../base/random.ts';
import { writeFrontMatter } from '../../protocol/front-matter.ts';
import { newMessagePath } from '../../protocol/paths.ts';
import { readYamlMapping } from '../../protocol/yaml.ts';
import type { Invocation } from '../command.ts';
import { type Letter, requireMessage } from '../talk/compose-message.ts';
import type { Sender } from '../talk/person.ts';
import { publishLetter } from '../talk/publish-letter.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** The same call without the options named: `--from` means a step there, not a person. */
export function withoutOptions(invocation: Invocation, names: readonly string[]): Invocation {
  return {
    ...invocation,
    options: new Map([...invocation.options].filter(([name]) => !names.includes(name))),
  };
}

export interface NewFileParts {
  readonly channel: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly body: string;
}

/**
 * A message by `sender`, now, at its own path. Throws MESSAGE_REJECTED when others could not
 * read it.
 */
export function composeFile(sender: Sender, { channel, fields, body }: NewFileParts): Letter {
  const atMs = systemClock.wallMs();
  const path = newMessagePath(channel, atMs, newUlid({ wallMs: () => atMs }, systemRandom));
  const { to, ...rest } = fields;
  const hops = sender.agent?.hops;
  const content = writeFrontMatter(
    { to, from: sender.name, timestamp: formatIso(atMs), hops, ...rest },
    body,
  );
  return { path, content, message: requireMessage(path, Buffer.from(content), { at: path }) };
}

/** Publishes a file. `retries`: the message that is asked again with it. Gives the commit. */
export async function publishFile(
  session: TransportSession,
  sender: Sender,
  letter: Letter & { readonly retries?: string | undefined },
): Promise<string> {
  const order = letter.message.fields.op === null ? null : describeOrder(letter);
  return publishLetter(session, { sender, letter }, { order, retries: letter.retries });
}

/** An order with what belongs to it: `pause`, `signal deployed`, `budget usd 20`. */
function describeOrder({ message }: Letter): string {
  const read = readYamlMapping(message.yaml, 'typed');
  const keys = read.kind === 'mapping' ? read.value : {};
  const told = ['event', 'step', 'usd', 'tokens', 'agents', 'minutes'].flatMap((key) => {
    const value = keys[key];
    if (typeof value !== 'string' && typeof value !== 'number') return [];
    return [['event', 'step'].includes(key) ? String(value) : `${key} ${String(value)}`];
  });
  return [message.fields.op ?? '', ...told].join(' ');
}
