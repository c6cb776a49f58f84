import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { systemRandom } from '../../src/base/random.ts';
import {
  createLineSplitter,
  decodeReply,
  decodeRequest,
  LOCAL_OPS,
} from '../../src/local/control.ts';
import { followControl, sendControl } from '../../src/local/control-client.ts';
import { serveControl, type ControlHandler } from '../../src/local/control-server.ts';
import { findSocketPath } from '../../src/local/control-socket.ts';
import { acquireLock } from '../../src/local/lock.ts';
import { tempDirectory } from './run-child.ts';

const idle: ControlHandler = {
  answer: (op) => Promise.resolve({ did: op }),
  follow: () => () => undefined,
};

async function serve(directory: string, handler: Partial<ControlHandler> = {}) {
  const server = await serveControl(directory, { ...idle, ...handler });
  onTestFinished(() => server.close());
  return server;
}

async function raw(directory: string, bytes: string | Buffer, andClose = false): Promise<string> {
  const socket = connect((await findSocketPath(directory))!);
  if (andClose) socket.end(bytes);
  else socket.write(bytes);
  socket.on('error', () => undefined);
  let text = '';
  return new Promise((resolve) => {
    socket.on('data', (chunk) => (text += chunk.toString()));
    socket.once('close', () => resolve(text));
  });
}

describe('local control', () => {
  it.each(LOCAL_OPS.filter((op) => op !== 'events'))(
    '%s is answered with the state after it',
    async (op) => {
      const directory = await tempDirectory();
      await serve(directory);
      expect(await sendControl(directory, { op })).toEqual({
        kind: 'answered',
        state: { did: op },
      });
    },
  );

  it('hands on a refusal with its reason', async () => {
    const directory = await tempDirectory();
    await serve(directory, {
      answer: () => Promise.reject(new Error('halted: the history was rewritten')),
    });
    expect(await sendControl(directory, { op: 'resume' })).toEqual({
      kind: 'refused',
      error: 'halted: the history was rewritten',
    });
  });

  it('carries a status of any reasonable size', async () => {
    const directory = await tempDirectory();
    const attempts = Array.from({ length: 20_000 }, (_, index) => ({
      key: String(index),
      model: 'opus',
    }));
    await serve(directory, { answer: () => Promise.resolve({ attempts }) });
    expect(await sendControl(directory, { op: 'status' })).toEqual({
      kind: 'answered',
      state: { attempts },
    });
  });

  it('tells a dispatcher that does not run from one that does not answer', async () => {
    const directory = await tempDirectory();
    expect(await sendControl(directory, { op: 'wake' })).toEqual({ kind: 'not-running' });
    expect(await sendControl(join(directory, 'absent'), { op: 'wake' })).toEqual({
      kind: 'not-running',
    });
    const lock = await acquireLock(directory, {
      alias: 'mbp',
      clock: systemClock,
      random: systemRandom,
    });
    expect(await sendControl(directory, { op: 'wake' })).toEqual({
      kind: 'silent',
      holder: lock.holder,
    });
    await serve(directory, { answer: () => new Promise(() => undefined) });
    expect(await sendControl(directory, { op: 'wake' }, { timeoutMs: 50 })).toEqual({
      kind: 'silent',
      holder: lock.holder,
    });
    await lock.release();
  });

  it('is private, and gone after the dispatcher closed it', async () => {
    const directory = await tempDirectory();
    const server = await serveControl(directory, idle);
    expect((await stat(join(directory, 'control.sock'))).mode & 0o777).toBe(0o600);
    await server.close();
    expect(await readdir(directory)).toEqual([]);
    expect(await sendControl(directory, { op: 'wake' })).toEqual({ kind: 'not-running' });
  });

  it('works where the state directory is too long for a socket, and after a kill left everything in place', async () => {
    const directory = join(await tempDirectory(), 'long'.repeat(40));
    await mkdir(directory, { recursive: true });
    const server = await serveControl(directory, idle);
    const path = (await readFile(join(directory, 'control.path'), 'utf8')).trim();
    expect((await stat(dirname(path))).mode & 0o777).toBe(0o700);
    expect(await sendControl(directory, { op: 'pause' })).toEqual({
      kind: 'answered',
      state: { did: 'pause' },
    });
    // What a killed dispatcher leaves: the next one listens elsewhere and removes it.
    const next = await serveControl(directory, idle);
    expect(await sendControl(directory, { op: 'drain' })).toEqual({
      kind: 'answered',
      state: { did: 'drain' },
    });
    await expect(stat(dirname(path))).rejects.toMatchObject({ code: 'ENOENT' });
    await next.close();
    await server.close();
    expect(await readdir(directory)).toEqual([]);
  });

  it('does not talk to a folder that others may write', async () => {
    const directory = join(await tempDirectory(), 'long'.repeat(40));
    await mkdir(directory, { recursive: true });
    const foreign = join(await tempDirectory(), 'crosstalk-evil');
    await mkdir(foreign, { mode: 0o755 });
    await writeFile(join(directory, 'control.path'), join(foreign, 'control.sock'));
    expect(await findSocketPath(directory)).toBeNull();
    expect(await sendControl(directory, { op: 'wake' })).toEqual({ kind: 'not-running' });
  });
});

describe('a client that misbehaves', () => {
  it.each([
    ['no JSON', 'hello\n'],
    ['another op', '{"op":"format-disk"}\n'],
    ['a list', '[1]\n'],
    ['not UTF-8', Buffer.from([0xff, 0xfe, 0x0a])],
    ['too much without a newline', 'x'.repeat(70_000)],
    ['too long a line', `${'x'.repeat(70_000)}\n`],
  ])('%s is answered with an error, and the next client is served', async (_name, bytes) => {
    const directory = await tempDirectory();
    await serve(directory);
    expect(decodeReply((await raw(directory, bytes)).trim())).toMatchObject({ ok: false });
    expect(await sendControl(directory, { op: 'wake' })).toMatchObject({ kind: 'answered' });
  });

  it('gets one answer to two requests, and one when it closed its side after asking', async () => {
    const directory = await tempDirectory();
    const done: string[] = [];
    await serve(directory, { answer: (op) => Promise.resolve(done.push(op)) });
    expect(await raw(directory, '{"op":"wake"}\n{"op":"stop"}\n')).toBe('{"ok":true,"state":1}\n');
    expect(await raw(directory, '{"op":"pause"}\n', true)).toBe('{"ok":true,"state":2}\n');
    expect(done).toEqual(['wake', 'pause']);
  });

  it('that leaves without a word, or never says one, does not hold the server open', async () => {
    const directory = await tempDirectory();
    const server = await serveControl(directory, idle);
    expect(await raw(directory, '', true)).toBe('');
    const silent = raw(directory, '{"op":');
    expect(await sendControl(directory, { op: 'wake' })).toMatchObject({ kind: 'answered' });
    await server.close();
    expect(await silent).toBe('');
  });
});

describe('events', () => {
  function source() {
    const listeners = new Set<(event: unknown) => void>();
    const follow: ControlHandler['follow'] = (emit) => {
      listeners.add(emit);
      return () => listeners.delete(emit);
    };
    return {
      listeners,
      follow,
      emit: (event: unknown) => listeners.forEach((listener) => listener(event)),
    };
  }

  it('reach every follower from its start until it leaves', async () => {
    const directory = await tempDirectory();
    const { follow, emit, listeners } = source();
    await serve(directory, { follow });
    const leaving = new AbortController();
    const seen: unknown[] = [];
    const ended = followControl(directory, {
      signal: leaving.signal,
      onStart: () => [{ event: 'message.claimed', name: 'a\nb' }, 2].forEach(emit),
      onEvent: (event) => {
        seen.push(event);
        if (seen.length === 2) leaving.abort();
      },
    });
    expect(await ended).toEqual({ kind: 'ended' });
    expect(seen).toEqual([{ event: 'message.claimed', name: 'a\nb' }, 2]);
    await expect.poll(() => listeners.size).toBe(0);
  });

  it('end when the dispatcher ends', async () => {
    const directory = await tempDirectory();
    const { follow } = source();
    const server = await serveControl(directory, { ...idle, follow });
    const closing: Promise<void>[] = [];
    const result = followControl(directory, {
      signal: new AbortController().signal,
      onStart: () => void closing.push(server.close()),
      onEvent: () => undefined,
    });
    expect(await result).toEqual({ kind: 'ended' });
    await Promise.all(closing);
  });

  it('of no dispatcher are none', async () => {
    const signal = new AbortController().signal;
    expect(
      await followControl(await tempDirectory(), { signal, onEvent: () => undefined }),
    ).toEqual({ kind: 'not-running' });
  });

  it('a follower that takes nothing is dropped, and what cannot be written does not reach the dispatcher as an error', async () => {
    const directory = await tempDirectory();
    const { follow, emit, listeners } = source();
    await serve(directory, { follow });
    const socket = connect((await findSocketPath(directory))!);
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    socket.write('{"op":"events"}\n');
    await expect.poll(() => listeners.size).toBe(1);
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    emit(circular);
    emit(undefined);
    for (let sent = 0; sent < 100; sent += 1) emit('x'.repeat(100_000));
    await expect.poll(() => listeners.size).toBe(0);
  });
});

describe('the words of control', () => {
  it('are read strictly', () => {
    expect(decodeRequest('{"op":"wake","more":1}')).toEqual({ op: 'wake' });
    expect(decodeRequest('{"op":["wake"]}')).toHaveProperty('error');
    expect(decodeReply('{"ok":true}')).toEqual({ ok: true, state: null });
    expect(decodeReply('{"ok":false}')).toBeNull();
    expect(decodeReply('nonsense')).toBeNull();
  });

  it('are the same however the socket cuts them', () => {
    const bytes = Buffer.from('eins\nzwö\n\nvier\nrest');
    for (let size = 1; size <= bytes.length; size += 1) {
      const lines: string[] = [];
      const split = createLineSplitter(10, (line) => lines.push(line));
      for (let at = 0; at < bytes.length; at += size)
        expect(split(bytes.subarray(at, at + size))).toBe(true);
      expect(lines).toEqual(['eins', 'zwö', '', 'vier']);
    }
  });
});
