/** Takes a pack from a connection into the cache. */
import { MINUTE, type Clock } from '../base/clock.ts';
import { type Git, type GitProcess, watchLimit } from './git-runner.ts';
import type { PacketReader } from './packet-line.ts';

/** From this many objects on they stay in their pack; git's own limit. */
const PACKED_MIN = 100;
/** `PACK`, its version and the number of its objects. */
const HEADER_BYTES = 12;
const DATA = 1;
const ERROR = 3;
/** A disk that hangs does not hold the look for ever. */
const UNPACK_MS = 10 * MINUTE;

export interface PackDoors {
  readonly git: Git;
  readonly clock: Clock;
}

/**
 * Reads packets of side bands up to a flush. True when everything of the pack is in the cache. git
 * unpacks it: its check of what made-up objects have in common with others is worth a process.
 */
export async function takePack(doors: PackDoors, packets: PacketReader): Promise<boolean> {
  let head = Buffer.alloc(0);
  let unpacker: GitProcess | null = null;
  for (;;) {
    const packet = await packets.next();
    if (packet.kind === 'flush') break;
    const band = packet.kind === 'bytes' ? packet.bytes[0] : ERROR;
    if (packet.kind !== 'bytes' || band === ERROR) {
      unpacker?.kill();
      return false;
    }
    if (band !== DATA) continue;
    head = Buffer.concat([head, packet.bytes.subarray(1)]);
    if (unpacker === null && head.length < HEADER_BYTES) continue;
    unpacker ??= startUnpacker(doors, head.readUInt32BE(HEADER_BYTES - 4));
    if (!(await write(unpacker, head))) return false;
    head = Buffer.alloc(0);
  }
  unpacker?.stdin.end();
  return unpacker !== null && (await unpacker.ended).code === 0;
}

function startUnpacker({ git, clock }: PackDoors, objects: number): GitProcess {
  const unpacker = git.start({
    args: objects < PACKED_MIN ? ['unpack-objects', '-q'] : ['index-pack', '--stdin', '--fix-thin'],
  });
  unpacker.stdout.resume();
  watchLimit(unpacker, { clock, limitMs: UNPACK_MS, idle: false }, () => unpacker.kill());
  return unpacker;
}

/** False when nobody takes any more: the disk is full, or what came is no pack. */
async function write({ stdin, ended }: GitProcess, bytes: Buffer): Promise<boolean> {
  if (stdin.write(bytes)) return true;
  const drained = new Promise<boolean>((resolve) => stdin.once('drain', () => resolve(true)));
  return Promise.race([drained, ended.then(() => false)]);
}
