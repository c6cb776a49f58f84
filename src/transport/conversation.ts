/**
 * One connection to the remote for a look and what it makes necessary: refs are listed, and what is
 * wanted of them is brought at once. git's own commands take two for that. Spoken are version 2 of
 * git's protocol (gitprotocol-v2(5)) and, over ssh and paths, version 0 (gitprotocol-pack(5)).
 */
import { SECOND } from '../base/clock.ts';
import { parseOid, type Oid } from '../base/ids.ts';
import { CONNECT_HTTP, startHttpHelper } from './git-http-fetch.ts';
import { watchLimit, type Git, type GitProcess, type GitResult } from './git-runner.ts';
import { DELIMITER, FLUSH, type PacketReader, readPackets, toPacket } from './packet-line.ts';
import { ERROR_PACKET, HUNG_UP } from './server-words.ts';
import { type PackDoors, takePack } from './take-pack.ts';

/** How the remote's `upload-pack` is reached: in a folder here, by the words for ssh, over http. */
export type Way =
  | { readonly kind: 'folder'; readonly path: string }
  | { readonly kind: 'ssh'; readonly args: readonly string[] }
  | { readonly kind: 'http'; readonly url: string };

type Refs = ReadonlyMap<string, Oid>;

/** What is asked of the remote. */
export interface Question {
  /** Beginnings of full ref names. More may be listed than begin so. */
  readonly prefixes: readonly string[];
  /** What of the listed is wanted; called once, with what was listed. */
  readonly choose: (refs: Refs) => Promise<readonly Oid[]>;
  /** A commit that is in the cache with everything below it. */
  readonly have: Oid;
}

/**
 * `brought`: all that was chosen lies in the cache, with everything below it as far as that is not
 * below `have`. `cannot`: the remote speaks neither version here.
 */
export type Conversation =
  | { readonly kind: 'listed'; readonly refs: Refs; readonly brought: boolean }
  | { readonly kind: 'failed'; readonly result: GitResult }
  | { readonly kind: 'cannot' };

/** The other side of the connection. */
interface Peer {
  readonly packets: PacketReader;
  readonly send: (packets: readonly string[]) => void;
  /** What went wrong, in the words in which git tells of it. */
  readonly said: string[];
  /** It does not speak git's protocol, or does not stop: there is nothing to wait for. */
  readonly senseless: ('exited' | 'overflow')[];
  /** Bytes that may still come outside packs. */
  roomBytes: number;
}

/** What may come outside packs, as the output of any git command. */
const ROOM_BYTES = 256 * 1024 * 1024;
/** What a line costs beside its text: empty ones and marks have no end either. */
const PACKET_BYTES = 64;
/** A server that always says something is not idle: so many limits of a silent one end it. */
const LIMITS_MAX = 10;
/** What has heard that nobody listens any more may take so long to go. */
const LEAVE_MS = 5 * SECOND;

/** Asks, once the connection stands, and ends it. */
export async function converse(
  { git, clock }: PackDoors,
  way: Way,
  question: Question,
): Promise<Conversation> {
  const process = connect(git, way);
  if (process === null) return { kind: 'cannot' };
  let timedOut = false;
  const { networkMs, hurried } = git;
  const giveUp = (): void => {
    timedOut = true;
    process.kill();
  };
  watchLimit(process, { clock, limitMs: networkMs, idle: true, hurried }, giveUp);
  watchLimit(process, { clock, limitMs: LIMITS_MAX * networkMs, idle: false }, giveUp);
  // An ssh may carry other connections too (ControlMaster), and ends after them.
  const leaveMs = way.kind === 'ssh' ? networkMs : Math.min(LEAVE_MS, networkMs);
  const leave = (last: string): void => {
    process.stdin.end(last);
    process.stdout.resume();
    watchLimit(process, { clock, limitMs: leaveMs, idle: false }, () => process.kill());
  };
  const packets = readPackets(process.stdout);
  const send = (list: readonly string[]): void => void process.stdin.write(list.join(''));
  const peer: Peer = { packets, send, said: [], senseless: [], roomBytes: ROOM_BYTES };
  try {
    if (way.kind === 'http' && !(await opensHttp(peer))) return { kind: 'cannot' };
    const server = await greet(peer);
    const refs = server === null ? null : await listRefs(peer, server, question.prefixes);
    if (server === null || refs === null) {
      leave('');
      return { kind: 'failed', result: await failureOf(process, peer, timedOut) };
    }
    const wants = await question.choose(refs);
    const brought =
      wants.length === 0 ||
      (await fetch({ git, clock }, peer, { server, wants, have: question.have }));
    return { kind: 'listed', refs, brought };
  } finally {
    // An end in order; a server that is in the middle of something hears that nobody listens.
    if (!process.stdin.writableEnded) leave(way.kind === 'http' ? '' : FLUSH);
  }
}

function connect(git: Git, way: Way): GitProcess | null {
  if (way.kind === 'ssh') return git.connectBySsh(way.args);
  return way.kind === 'folder'
    ? git.connect(['git', 'upload-pack', way.path])
    : startHttpHelper(git, way.url);
}

/** False: without version 2 nothing can be asked this way. */
async function opensHttp({ packets, send }: Peer): Promise<boolean> {
  send([CONNECT_HTTP]);
  const answer = await packets.take(1);
  // Without any, the helper has said why, and the greeting will be missing.
  return answer === null || answer[0] === 0x0a;
}

async function failureOf(
  process: GitProcess,
  { said, senseless }: Peer,
  timedOut: boolean,
): Promise<GitResult> {
  if (senseless.length > 0) process.kill();
  const { started } = await process.ended;
  return {
    ended: senseless[0] ?? (timedOut ? 'timeout' : started ? 'exited' : 'not-started'),
    code: 128,
    stdout: Buffer.alloc(0),
    stderr: [process.stderr(), ...said].join('\n'),
  };
}

interface Line {
  readonly kind: 'line';
  readonly text: string;
}
interface Mark {
  readonly kind: 'flush' | 'delimiter' | 'end-of-response';
}

/** The next line or mark; null when no more will come, which `said` tells of. */
async function next(peer: Peer): Promise<Line | Mark | null> {
  const packet = await peer.packets.next();
  peer.roomBytes -= PACKET_BYTES + (packet.kind === 'bytes' ? packet.bytes.length : 0);
  if (peer.roomBytes < 0) {
    peer.senseless.push('overflow');
    return null;
  }
  if (packet.kind === 'bytes') {
    const text = packet.bytes.toString('utf8').replace(/\n$/, '');
    if (!text.startsWith('ERR ')) return { kind: 'line', text };
    peer.said.push(ERROR_PACKET + text.slice('ERR '.length));
    return null;
  }
  if (packet.kind === 'broken') {
    peer.said.push(`fatal: protocol error: bad line length character: ${packet.digits}`);
    peer.senseless.push('exited');
  } else if (packet.kind === 'closed') peer.said.push(HUNG_UP);
  else return { kind: packet.kind };
  return null;
}

/** The lines up to a flush; null when they have no end. */
async function readLines(peer: Peer): Promise<readonly string[] | null> {
  const lines: string[] = [];
  for (;;) {
    const one = await next(peer);
    if (one === null) return null;
    if (one.kind === 'flush') return lines;
    if (one.kind === 'line') lines.push(one.text);
  }
}

/** What the remote is able to; in version 0 it has listed its refs with that. */
interface Server {
  readonly abilities: ReadonlySet<string>;
  /** Named in each question, where the remote names it. */
  readonly format: readonly string[];
  /** Null: version 2. */
  readonly refs: Refs | null;
  /** In version 0: its own history is cut. In version 2 it says so before a pack. */
  readonly isShallow: boolean;
}

/** How lines begin that tell where a history is cut. */
const SHALLOW = 'shallow';

async function greet(peer: Peer): Promise<Server | null> {
  const lines = await readLines(peer);
  if (lines === null) return null;
  const isNew = lines[0] === 'version 2';
  const [first = '', words = ''] =
    (lines[0] === 'version 1' ? lines[1] : lines[0])?.split('\0') ?? [];
  const abilities = isNew ? lines.slice(1) : words.split(' ');
  return {
    abilities: new Set(abilities.map((ability) => ability.split('=', 1)[0] ?? '')),
    format: abilities.filter((ability) => ability.startsWith('object-format=')),
    refs: isNew ? null : parseRefs([first, ...lines], ' '),
    isShallow: lines.some((line) => line.startsWith(SHALLOW)),
  };
}

async function listRefs(
  peer: Peer,
  { refs, format }: Server,
  prefixes: readonly string[],
): Promise<Refs | null> {
  if (refs !== null) return refs;
  peer.send([
    ...['command=ls-refs', ...format].map(toPacket),
    DELIMITER,
    ...prefixes.map((prefix) => toPacket(`ref-prefix ${prefix}\n`)),
    FLUSH,
  ]);
  const lines = await readLines(peer);
  return lines === null ? null : parseRefs(lines, ' ');
}

/** What an annotated tag leads to; version 0 lists it beside the tag. */
const PEELED = '^{}';

/** Lines of an id, a separator and a name, which attributes may follow. */
export function parseRefs(lines: readonly string[], separator: string): Refs {
  const refs = new Map<string, Oid>();
  for (const [id = '', name = ''] of lines.map((line) => line.split(separator))) {
    const oid = parseOid(id);
    if (oid !== null && !name.endsWith(PEELED)) refs.set(name, oid);
  }
  return refs;
}

interface Order {
  readonly server: Server;
  readonly wants: readonly Oid[];
  readonly have: Oid;
}

/**
 * Brings `wants`. Only on top of what the remote says that it has too: of a history that was
 * replaced git's own negotiation finds out what is common. Nothing of a remote whose own history is
 * cut: what lies below the cut would be missing.
 */
async function fetch(doors: PackDoors, peer: Peer, order: Order): Promise<boolean> {
  const isOld = order.server.refs !== null;
  if (isOld && (order.server.isShallow || !order.server.abilities.has(BANDS))) return false;
  peer.send(isOld ? askOldToFetch(order) : askToFetch(order, []));
  const first = await findPack(peer, isOld);
  if (first !== 'common') return first === 'pack' && takePack(doors, peer.packets);
  peer.send(isOld ? [toPacket('done\n')] : askToFetch(order, ['done\n']));
  return (isOld || (await findPack(peer, false)) === 'pack') && takePack(doors, peer.packets);
}

function askToFetch({ server, wants, have }: Order, done: readonly string[]): readonly string[] {
  return [
    ...['command=fetch', ...server.format].map(toPacket),
    DELIMITER,
    ...['thin-pack\n', 'no-progress\n', 'ofs-delta\n'].map(toPacket),
    ...wants.map((oid) => toPacket(`want ${oid}\n`)),
    ...[`have ${have}\n`, ...done].map(toPacket),
    FLUSH,
  ];
}

/** Packs in packets, each with the number of its band. */
const BANDS = 'side-band-64k';
const OLD_ABILITIES = [BANDS, 'thin-pack', 'ofs-delta', 'no-progress'];

function askOldToFetch({ server, wants, have }: Order): readonly string[] {
  const used = OLD_ABILITIES.filter((ability) => server.abilities.has(ability));
  const words = [...used, ...server.format].map((word) => ` ${word}`).join('');
  return [
    ...wants.map((oid, at) => toPacket(`want ${oid}${at === 0 ? words : ''}\n`)),
    FLUSH,
    toPacket(`have ${have}\n`),
    FLUSH,
  ];
}

/**
 * Whether a pack follows, or the remote has what we have and waits; null: neither. Version 0
 * answers `have` with one line.
 */
async function findPack(peer: Peer, isOld: boolean): Promise<'pack' | 'common' | null> {
  let isCommon = false;
  for (;;) {
    const one = await next(peer);
    if (one === null || (one.kind === 'line' && one.text.startsWith(SHALLOW))) return null;
    if (one.kind === 'line' && one.text === 'packfile') return 'pack';
    isCommon ||= one.kind === 'line' && one.text.startsWith('ACK ');
    if (one.kind === 'flush' || (isOld && one.kind === 'line')) return isCommon ? 'common' : null;
  }
}
