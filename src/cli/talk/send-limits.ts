/** What keeps an agent from sending: how far its work has come, and whom it may ask. */
import { CrosstalkError } from '../../base/errors.ts';
import { fixByHand } from '../../base/fix.ts';
import type { Address } from '../../protocol/address.ts';
import { findForbidden } from '../../protocol/admission.ts';
import type { TransportSession } from '../session/transport-session.ts';
import type { Sender } from './person.ts';

/** An agent whose message nobody would run learns it, instead of waiting for nothing. */
export function refuseTooFar({ config }: TransportSession, { agent }: Sender): void {
  if (agent === null || agent.hops < config.hopsMax) return;
  throw new CrosstalkError(
    'REFUSED',
    `this would be hop ${agent.hops} of agents asking agents; the limit is ${config.hopsMax}`,
    { fix: fixByHand('answer with what is known') },
  );
}

/** The operator has said whom a model may ask. */
export function refuseForbidden({ agent }: Sender, to: readonly Address[]): void {
  if (agent === null || agent.maySend === 'all') return;
  const found = findForbidden(
    agent.maySend,
    to.map(({ name }) => name),
  );
  if (found === undefined) return;
  throw new CrosstalkError(
    'REFUSED',
    `the model "${agent.model}" may send to ${agent.maySend.join(', ')} only, and not to "${found}"`,
    { fix: fixByHand(`the operator names it in "may-send" at "${agent.model}" in models.yaml`) },
  );
}
