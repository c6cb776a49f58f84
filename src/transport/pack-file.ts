/**
 * Writes many new objects as one pack in process: two files instead of one per object. The formats
 * are those of gitformat-pack(5): pack version 2 without deltas, index version 2.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { deflateSync } from 'node:zlib';
import type { Random } from '../base/random.ts';
import { hashBytesOf, type NewObject, type ObjectFormat } from './loose-objects.ts';

const TYPES: Readonly<Record<NewObject['type'], number>> = { commit: 1, tree: 2, blob: 3 };
const FANOUT = 256;

interface Packed {
  readonly oid: Buffer;
  readonly bytes: Buffer;
  readonly crc: number;
  readonly offset: number;
}

/**
 * Writes `objects`, which must differ from each other, as a pack below `<gitDir>/objects/pack`. It
 * appears whole or not at all.
 */
export async function writePack(
  {
    gitDir,
    format,
    random,
  }: { readonly gitDir: string; readonly format: ObjectFormat; readonly random: Random },
  objects: readonly NewObject[],
): Promise<void> {
  const digest = (bytes: Buffer): Buffer => createHash(format).update(bytes).digest();
  const header = Buffer.from('PACK\0\0\0\x02\0\0\0\0', 'latin1');
  header.writeUInt32BE(objects.length, 8);
  const packed = await packObjects(objects, header.length);
  const content = Buffer.concat([header, ...packed.map(({ bytes }) => bytes)]);
  const checksum = digest(content);
  const index = formatIndex(packed, { checksum, hashBytes: hashBytesOf(format) });
  const folder = `${gitDir}/objects/pack`;
  if (!existsSync(folder)) mkdirSync(folder, { recursive: true });
  const [name, tmp] = [
    `${folder}/pack-${checksum.toString('hex')}`,
    `${folder}/tmp_pack_${random.hex(8)}`,
  ];
  // The index comes last: git looks for packs by it.
  for (const [ending, bytes] of [
    ['pack', Buffer.concat([content, checksum])],
    ['idx', Buffer.concat([index, digest(index)])],
  ] as const) {
    writeFileSync(`${tmp}.${ending}`, bytes, { mode: 0o444 });
    renameSync(`${tmp}.${ending}`, `${name}.${ending}`);
  }
}

/** Objects packed between two turns of the event loop. */
const OBJECTS_A_TURN = 64;

async function packObjects(
  objects: readonly NewObject[],
  start: number,
): Promise<readonly Packed[]> {
  const packed: Packed[] = [];
  let offset = start;
  for (const [i, { oid, type, bytes }] of objects.entries()) {
    if (i > 0 && i % OBJECTS_A_TURN === 0) await new Promise(setImmediate);
    const entry = Buffer.concat([
      entryHeader(TYPES[type], bytes.length),
      deflateSync(bytes, { level: 1 }),
    ]);
    packed.push({ oid: Buffer.from(oid, 'hex'), bytes: entry, crc: crc32(entry), offset });
    offset += entry.length;
  }
  return packed;
}

/** Type and size: four bits of it in the first byte, then seven a byte, lowest first. */
function entryHeader(type: number, size: number): Buffer {
  const bytes = [(type << 4) | (size & 15)];
  for (let rest = Math.floor(size / 16); rest > 0; rest = Math.floor(rest / 128)) {
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 128;
    bytes.push(rest & 127);
  }
  return Buffer.from(bytes);
}

function formatIndex(
  packed: readonly Packed[],
  { checksum, hashBytes }: { readonly checksum: Buffer; readonly hashBytes: number },
): Buffer {
  const sorted = [...packed].sort((a, b) => a.oid.compare(b.oid));
  const fanout = Buffer.alloc(FANOUT * 4);
  let count = 0;
  for (let first = 0; first < FANOUT; first += 1) {
    while ((sorted[count]?.oid[0] ?? FANOUT) <= first) count += 1;
    fanout.writeUInt32BE(count, first * 4);
  }
  const numbers = (of: (entry: Packed) => number): Buffer => {
    const table = Buffer.alloc(sorted.length * 4);
    for (const [i, entry] of sorted.entries()) table.writeUInt32BE(of(entry), i * 4);
    return table;
  };
  return Buffer.concat([
    Buffer.from('\xfftOc\0\0\0\x02', 'latin1'),
    fanout,
    Buffer.concat(
      sorted.map(({ oid }) => oid),
      sorted.length * hashBytes,
    ),
    numbers(({ crc }) => crc),
    numbers(({ offset }) => offset),
    checksum,
  ]);
}

/**
 * `zlib.crc32` came with Node 20.15, and 20.0 is supported; two ways would have to give the same.
 */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1)
    value = (value & 1) === 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(bytes: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ byte) & 255] ?? 0);
  return (crc ^ 0xffffffff) >>> 0;
}
