/** Who may call which command: the one place where a call from inside an attempt is refused. */
import { CrosstalkError } from '../base/errors.ts';
import { type Caller, judgeCaller, readAncestors } from '../local/ancestors.ts';
import type { CommandSpec, Invocation } from './command.ts';
import { fixByHand } from '../base/fix.ts';

/** Who calls this process. */
export async function findCaller(env: Invocation['env']): Promise<Caller> {
  return judgeCaller(env, await readAncestors(process.pid));
}

/**
 * Throws REFUSED when an agent calls a command that decides, operates or changes what this host
 * does.
 */
export function refuseAgents(spec: Pick<CommandSpec, 'name' | 'agents'>, caller: Caller): void {
  if (caller.kind === 'person' || spec.agents === true) return;
  throw new CrosstalkError(
    'REFUSED',
    `crosstalkd ${spec.name}: an agent called it; inside an attempt only sending and reading are allowed`,
    { fix: fixByHand('a person must run it, in a shell that no agent started') },
  );
}
