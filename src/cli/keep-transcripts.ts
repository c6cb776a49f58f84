/** Agents whose output is kept in the state directory while it comes, and handed to whoever watches. */
import { cleanText } from '../agents/clean-output.ts';
import type { Agents, AttemptOutcome, AttemptRequest } from '../agents/agent.ts';
import { createRedactor, secretsOf } from '../agents/redact.ts';
import { formatIso, systemClock } from '../base/clock.ts';
import { type OpenTranscript, openTranscript } from '../local/transcripts.ts';
import type { Invocation } from './command.ts';

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
      const transcript = await openTranscript(parts.directory, { attemptId, message, model, startedAt: formatIso(systemClock.wallMs()) });
      let end = 0;
      const onOutput: AttemptRequest['onOutput'] = (text) => {
        // First the file, so that who reads it and then listens misses nothing.
        transcript.write(text);
        end += text.length;
        parts.onOutput({ event: 'attempt.output', message, model, attemptId, text, end });
        request.onOutput(text);
      };
      try {
        const outcome = await agents.run({ ...request, onOutput });
        writeEnd(transcript, outcome, { shown: end > 0, clean: (text) => redact(cleanText(text)) });
        return outcome;
      } finally {
        transcript.close();
      }
    },
  };
}

interface Ending {
  /** Whether anything was shown while it ran. */
  readonly shown: boolean;
  readonly clean: (text: string) => string;
}

function writeEnd(transcript: OpenTranscript, outcome: AttemptOutcome, { shown, clean }: Ending): void {
  switch (outcome.kind) {
    case 'answered':
      transcript.write(shown ? '' : `${outcome.text}\n`);
      transcript.write('\n[answered]\n');
      return;
    case 'failed':
      // Programs that show nothing while they run say on their output what went wrong.
      if (!shown && outcome.rawOutput !== null) transcript.write(`${clean(Buffer.from(outcome.rawOutput).toString('utf8'))}\n`);
      transcript.write(`\n[failed: ${outcome.class}: ${outcome.detail}]\n`);
      return;
    case 'stopped':
      transcript.write('\n[stopped]\n');
  }
}
