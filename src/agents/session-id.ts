/**
 * What a session's id looks like in every program known; anything else could be taken for an option
 * or a path.
 */
export const SESSION_ID = /^[A-Za-z0-9][\w.:-]{0,127}$/;
