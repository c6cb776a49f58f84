/** Resolves `as:`: a persona by name or by the path of its file. PROTOCOL.md "A message". */
import { PERSONA_FOLDERS } from './paths.ts';

/** The files that may be meant; the first that stands counts. */
export function personaPaths(as: string): readonly string[] {
  return as.includes('/') || as.endsWith('.md')
    ? [as]
    : PERSONA_FOLDERS.map((folder) => `${folder}/${as}.md`);
}

/** What people are told when none of them exists. */
export function noPersona(as: string): string {
  return `as: there is no persona "${as}"; expected ${personaPaths(as).join(' or ')} in the transport`;
}
