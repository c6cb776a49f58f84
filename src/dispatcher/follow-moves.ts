/**
 * Matches open work with its claims. A message without an id is known by its
 * path; if it is moved while somebody works on it, its claim keeps the key of the old path and is
 * found by the bytes that it names. Nobody takes the work a second time.
 */
import type { Oid } from '../base/ids.ts';
import type { Claim } from '../protocol/claim.ts';
import { findStart } from '../protocol/find-start.ts';
import type { OpenIndex } from '../protocol/open-work.ts';
import { listSuperseded, listWork, openByKey, type Work } from '../protocol/list-work.ts';
import type { Dispatcher } from './dispatcher.ts';
import { namesUnder } from './refs-under.ts';
import { type HeldClaim, heldClaims } from './own-claims.ts';

/** The open work as it stands now, most urgent first. */
export function currentWork(dispatcher: Dispatcher): readonly Work[] {
  const index = dispatcher.mirror.index();
  const { onlyMessage } = dispatcher.settings;
  if (onlyMessage !== undefined)
    return listWork(index).filter(({ message }) => message.path === onlyMessage);
  const stray = [...listClaims(dispatcher)].filter(([key]) => !openByKey(index).has(key));
  return stray.length === 0 ? listWork(index) : followMoves(listWork(index), new Map(stray));
}

/** The work of a claim whose message was asked again by another message. */
export function supersededWork(dispatcher: Dispatcher): readonly Work[] {
  const works = listSuperseded(dispatcher.mirror.index());
  return works.length === 0 ? works : followMoves(works, new Map(listClaims(dispatcher)));
}

/** Whether it still waits for an answer, wherever its message stands now. */
export function isOpen(dispatcher: Dispatcher, { key }: Work): boolean {
  return [...currentWork(dispatcher), ...supersededWork(dispatcher)].some(
    (work) => work.key === key,
  );
}

/** Where the message stands now: it may have been moved since it was claimed. */
export function currentPath(dispatcher: Dispatcher, { key, message }: Work): string {
  const { messages, superseded } = dispatcher.mirror.index();
  if (messages.has(message.path) || superseded.has(message.path)) return message.path;
  const here = [...currentWork(dispatcher), ...supersededWork(dispatcher)].filter(
    (work) => work.key === key,
  );
  return (
    (here.find((work) => work.message.blob === message.blob) ?? here[0])?.message.path ??
    message.path
  );
}

/**
 * Claims that may belong to moved messages: those without open work, and all that this host holds.
 */
function listClaims(dispatcher: Dispatcher): readonly (readonly [key: string, claim: Claim])[] {
  const ours = heldClaims(dispatcher.state.claims.own).map(
    ({ key, state }) => [key, state.claim] as const,
  );
  return [...readStrays(dispatcher), ...ours];
}

/**
 * Whether the work of a claim that was just won is still to be done, by nobody else so far, and by
 * us alone: the claim that another host made for the same bytes under another path, before or after
 * a move that only one of us had seen, makes both give way.
 */
export function isStillOurs(dispatcher: Dispatcher, { key, state: { claim } }: HeldClaim): boolean {
  const { settings, mirror } = dispatcher;
  const index = mirror.index();
  const work =
    openByKey(index).get(key) ??
    listWork(index).find((candidate) => candidate.twinOf === null && isFor(claim, candidate));
  if (
    work === undefined ||
    (work.key !== key && dispatcher.state.refs.has(settings.refs.claims + work.key))
  )
    return false;
  if (findStart(index, work) !== null) return false;
  return ![...readStrays(dispatcher)].some(([other, stray]) => other !== key && isFor(stray, work));
}

function readStrays(dispatcher: Dispatcher): ReadonlyMap<string, Claim> {
  const { refs, records } = dispatcher.state;
  const read = [...strayClaims(dispatcher, refs)].map(
    ([key, oid]) => [key, records.get(oid)?.claim ?? null] as const,
  );
  return new Map(read.flatMap(([key, claim]) => (claim === null ? [] : [[key, claim] as const])));
}

function isFor(claim: Claim, { message, recipient }: Work): boolean {
  return message.blob === claim.blob && recipient === claim.recipient;
}

/**
 * Key and object of each claim that stands for no open work by its key: of a moved message, or left
 * over.
 */
export function strayClaims(
  dispatcher: Dispatcher,
  refs: ReadonlyMap<string, Oid>,
): ReadonlyMap<string, Oid> {
  const index = dispatcher.mirror.index();
  const known = straysOf.get(refs);
  if (known?.index === index) return known.strays;
  const open = openByKey(index);
  const strays = new Map<string, Oid>();
  for (const [key, oid] of namesUnder(refs, dispatcher.settings.refs.claims))
    if (!open.has(key)) strays.set(key, oid);
  straysOf.set(refs, { index, strays });
  return strays;
}

/**
 * What a listing has of them, by the last index it was held against: asked for several times
 * between two looks.
 */
const straysOf = new WeakMap<
  ReadonlyMap<string, Oid>,
  { readonly index: OpenIndex; readonly strays: ReadonlyMap<string, Oid> }
>();

/** Gives work the key of the claim that was made for its bytes at another path. Pure. */
export function followMoves(
  works: readonly Work[],
  claims: ReadonlyMap<string, Claim>,
): readonly Work[] {
  const keys = new Set(works.map(({ key }) => key));
  const moved = new Map<Work, string>();
  for (const [key, claim] of claims) {
    if (keys.has(key)) continue;
    const work = works.find(
      (candidate) => isFor(claim, candidate) && candidate.twinOf === null && !moved.has(candidate),
    );
    if (work !== undefined) moved.set(work, key);
  }
  return moved.size === 0
    ? works
    : works.map((work) => ({ ...work, key: moved.get(work) ?? work.key }));
}
