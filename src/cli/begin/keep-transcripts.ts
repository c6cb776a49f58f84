/**
 * Agents whose output is kept in the state directory while it comes, and handed to anyone who
 * watches.
 */
import { cleanText } from '../../agents/clean-output.ts';
import type { Agents, AttemptOutcome, AttemptRequest } from '../../agents/agent.ts';
import { createRedactor, type Redact, secretsOf } from '../../agents/redact.ts';
import { formatIso, systemClock } from '../../base/clock.ts';
import { type OpenTranscript, openTranscript } from '../../local/transcripts.ts';
import type { Invocation } from '../command.ts';

/** A piece of what an agent printed. */
export interface OutputPiece {
  readonly event: 'attempt.output';
  readonly message: string;
  readonly model: string;
  readonly attemptId: string;
  readonly text: string;
  /** Characters of the attempt up to the end of this piece. */
  readonly end: number;
}

export interface TranscriptParts {
  readonly directory: string;
  readonly env: Invocation['env'];
  readonly onOutput: (piece: OutputPiece) => void;
}

/** The same agents; what they print is kept and told. Secrets of the environment are in neither. */
export function keepTranscripts(agents: Agents, parts: TranscriptParts): Agents {
  const redact = createRedactor(secretsOf(parts.env));
  return {
    run: async (request) => {
      const [message, model] = [request.extraEnv['CROSSTALK_MESSAGE'] ?? '', request.entry.name];
      const { attemptId } = request;
      const transcript = await openTranscript(parts.directory, {
        attemptId,
        message,
        model,
        startedAt: formatIso(systemClock.wallMs()),
      });
      let end = 0;
      let shown = '';
      const onOutput: AttemptRequest['onOutput'] = (text) => {
        // First the file, so that who reads it and then listens misses nothing.
        transcript.write(text);
        end += text.length;
        if (shown.length < SHOWN_MAX) shown += text;
        parts.onOutput({ event: 'attempt.output', message, model, attemptId, text, end });
        request.onOutput(text);
      };
      try {
        const outcome = await agents.run({ ...request, onOutput });
        writeEnd(transcript, outcome, { shown, redact });
        return outcome;
      } finally {
        transcript.close();
      }
    },
  };
}

/** Enough to see whether the output was shown already. */
const SHOWN_MAX = 1_048_576;

/**
 * What went wrong is often in the part of the output that is not shown while it runs. Bytes that
 * are not clean text are kept beside the transcript.
 */
function writeRaw(transcript: OpenTranscript, raw: Uint8Array, { shown, redact }: Ending): void {
  const text = Buffer.from(raw).toString('utf8');
  const clean = redact(cleanText(text));
  if (!shown.includes(clean.trim()))
    transcript.write(`${shown === '' ? '' : '\n[output]\n'}${clean}\n`);
  if (cleanText(text) !== text || !Buffer.from(text).equals(raw))
    // A byte a character, so that everything but the secrets stays as it was.
    transcript.writeRaw(Buffer.from(redact(Buffer.from(raw).toString('latin1')), 'latin1'));
}

interface Ending {
  /** What was shown while it ran, or its beginning. */
  readonly shown: string;
  readonly redact: Redact;
}

function writeEnd(
  transcript: OpenTranscript,
  outcome: AttemptOutcome,
  { shown, redact }: Ending,
): void {
  switch (outcome.kind) {
    case 'answered':
      transcript.write(shown !== '' ? '' : `${outcome.text}\n`);
      transcript.write('\n[answered]\n');
      return;
    case 'failed':
      if (outcome.rawOutput !== null) writeRaw(transcript, outcome.rawOutput, { shown, redact });
      transcript.write(`\n[failed: ${outcome.class}: ${outcome.detail}]\n`);
      return;
    case 'stopped':
      transcript.write('\n[stopped]\n');
  }
}
