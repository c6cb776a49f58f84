/** What the dispatcher of this state directory says of itself, when one runs. */
import { decodeHostReport, type HostReport } from '../../dispatcher/host-report.ts';
import { sendControl } from '../../local/control-client.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { VERSION } from '../version.ts';

const ASK_MS = 2_000;

export interface AskedDispatcher {
  /** Null: none runs here, or it does not answer. */
  readonly report: HostReport | null;
  /** A process holds the state directory but does not answer. */
  readonly isSilent: boolean;
}

/** Asks it once, for two seconds at the most. */
export async function askDispatcher({
  directory,
}: Pick<TransportSession, 'directory'>): Promise<AskedDispatcher> {
  const asked = await sendControl(directory.path, { op: 'status' }, { timeoutMs: ASK_MS });
  return {
    report: asked.kind === 'answered' ? decodeHostReport(asked.state, VERSION) : null,
    isSilent: asked.kind === 'silent',
  };
}
