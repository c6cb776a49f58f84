import { hostname as systemHostname } from 'node:os';

/** The machine's own name, for the default alias. */
export function hostname(): string {
  return systemHostname();
}
