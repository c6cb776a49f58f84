/**
 * A run has grown past what is read again: a value, a text or a file. The engine ends that run and
 * reports it; no other run and nobody else's answer waits for it.
 */
export class RunTooLarge extends Error {}
