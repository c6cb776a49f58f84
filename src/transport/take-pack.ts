/** Takes a pack from a connection into the cache. */
import type { Git, GitProcess } from './git-runner.ts';
import type { PacketReader } from './packet-line.ts';

/** From this many objects on they stay in their pack; git's own limit. */
const PACKED_MIN = 100;
/** `PACK`, its version and the number of its objects. */
const HEADER_BYTES = 12;
const DATA = 1;
const ERROR = 3;

/**
 * Reads packets of side bands up to a flush. True when everything of the pack is in the cache. git
 * unpacks it: its check of what made-up objects have in common with others is worth a process.
 */
export async function takePack(git: Git, packets: PacketReader): Promise<boolean> {
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
    unpacker ??= startUnpacker(git, head.readUInt32BE(HEADER_BYTES - 4));
    await write(unpacker, head);
    head = Buffer.alloc(0);
  }
  unpacker?.stdin.end();
  return unpacker !== null && (await unpacker.ended).code === 0;
}

function startUnpacker(git: Git, objects: number): GitProcess {
  const unpacker = git.start({
    args: objects < PACKED_MIN ? ['unpack-objects', '-q'] : ['index-pack', '--stdin', '--fix-thin'],
  });
  unpacker.stdout.resume();
  return unpacker;
}

async function write({ stdin, ended }: GitProcess, bytes: Buffer): Promise<void> {
  if (stdin.write(bytes)) return;
  await Promise.race([new Promise<void>((resolve) => stdin.once('drain', resolve)), ended]);
}
