import { expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import {
  EMPTY_LEASES,
  type LeaseBook,
  observeOutage,
  observeRefs,
  silentMs,
} from '../../src/protocol/lease.ts';

const refs = new Map([['claim', 'a'.repeat(40) as Oid]]);
const look = (book: LeaseBook, nowMs: number, tookMs = 0): LeaseBook =>
  observeRefs(book, { refs, nowMs, tookMs, gapMsMax: 100 });
const silent = (book: LeaseBook): number | null => silentMs(book, { claim: 'claim', beat: null });

it('a slow answer proves no silence for the time that it took: neither the one that shows a claim first nor the last', () => {
  const first = look(EMPTY_LEASES, 50, 40);
  expect(silent(first)).toBe(0);
  expect(silent(look(first, 60))).toBe(10);
  expect(silent(look(first, 100, 40))).toBe(10);
});

it('time without a view of the remote does not count, and no gap for more than the limit', () => {
  const first = look(EMPTY_LEASES, 0);
  expect(silent(look(observeOutage(first), 90))).toBe(0);
  expect(silent(look(first, 5_000))).toBe(100);
});
