/** What the server answers: the other side of answers.ts, limited to what the page uses. */
import type { Fix } from '../../base/fix.ts';
import type { Figures } from '../figures.ts';

export interface Channel {
  readonly name: string;
  /** What people call it; null = as its folder. */
  readonly title: string | null;
  readonly description: string;
  readonly messages: number;
  readonly replies: number;
  readonly open: number;
  readonly lastMs: number | null;
  readonly isRun: boolean;
}

export interface Summary {
  readonly csrf: string;
  readonly product: string;
  readonly me: string | null;
  readonly host: string;
  readonly remote: string;
  readonly branch: string;
  readonly outage: string | null;
  readonly channels: readonly Channel[];
  readonly names: Names;
}

/** Who can be written to. */
export interface Names {
  readonly models: readonly {
    readonly name: string;
    readonly effects: 'none' | 'external' | null;
    readonly hosts: readonly string[];
  }[];
  readonly hosts: readonly string[];
  readonly people: readonly string[];
}

export interface Work {
  readonly id: string;
  readonly path: string;
  readonly from: string;
  readonly to: string;
  readonly kind: string;
  readonly says: string;
  readonly fix: Fix | null;
  readonly sinceMs?: number;
}

/** One thing that a person must do. `about`: paths or ids of messages, a few of `count`. */
export interface Need {
  readonly kind: string;
  readonly says: string;
  readonly fix: Fix | null;
  readonly run: string | null;
  readonly model: string | null;
  /** What an agent asks to be allowed: the id of the question. */
  readonly question: string | null;
  readonly about: readonly string[];
  readonly count: number;
}

export interface Status {
  readonly health: string;
  readonly verdict: string;
  readonly needs: readonly Need[];
  readonly waiting: readonly Work[];
  readonly running: readonly Work[];
  readonly failed: readonly {
    readonly id: string;
    readonly model: string;
    readonly failed: string;
    readonly detail: string;
    readonly run: string | null;
    readonly atMs: number;
  }[];
  /** Whole answers that came too late, newest first. */
  readonly late: readonly {
    readonly id: string;
    readonly to: string;
    readonly says: string;
    readonly fix: Fix | null;
  }[];
  readonly rejected: readonly {
    readonly path: string;
    readonly line: number;
    readonly found: string;
    readonly expected: string;
  }[];
  readonly parked: readonly {
    readonly host: string;
    readonly model: string;
    readonly says: string;
    readonly forMs: number | null;
  }[];
  readonly here: { readonly alias: string } | null;
  readonly gates: readonly OpenGate[];
  /** Path or id of a message → who wrote it, and its first words. */
  readonly words: Readonly<Record<string, { readonly from: string; readonly text: string }>>;
}

export interface ThreadRow {
  readonly id: string;
  readonly rootId: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string | null;
  readonly first_line: string;
  readonly preview: string;
  readonly state: string;
  readonly lastMs: number;
  readonly count: number;
  readonly people: readonly string[];
  readonly failures: number;
  readonly running: number;
  readonly waiting: number;
}

export interface ChannelPage {
  readonly name: string;
  readonly total: number;
  readonly next: number | null;
  readonly threads: readonly ThreadRow[];
}

export interface Message {
  readonly id: string;
  readonly path: string;
  readonly channel: string;
  readonly at_ms: number;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string | null;
  readonly state: string;
  readonly reply_to: string | null;
  readonly failed?: boolean;
  readonly error?: string | null;
  readonly host?: string | null;
  readonly agent?: string | null;
  readonly attempt?: number | null;
  readonly duration_ms?: number | null;
  readonly tokens_in?: number | null;
  readonly tokens_out?: number | null;
  readonly cost_usd?: number | null;
  readonly body: string;
  readonly cut: boolean;
  readonly as: string | null;
  readonly project: string | null;
  readonly priority: number;
  readonly files: readonly string[];
  readonly warnings: readonly string[];
  readonly parent: { readonly id: string; readonly from: string } | null;
  readonly waits: readonly {
    readonly name: string;
    readonly host: string | null;
    readonly attempt: number | null;
  }[];
  readonly may_retry: boolean;
  readonly starts_run: boolean;
}

export interface ThreadPage {
  readonly channel: string;
  readonly root: string;
  readonly asked: string;
  readonly total: number;
  readonly start: number;
  readonly end: number;
  readonly messages: readonly Message[];
}

export interface Found {
  readonly data: {
    readonly found: number;
    readonly messages: readonly {
      readonly id: string;
      readonly channel: string;
      readonly at: string;
      readonly from: string;
      readonly to: readonly string[];
      readonly subject: string | null;
      readonly first_line: string;
      readonly excerpt?: string;
      readonly state: string;
    }[];
  } | null;
}

export interface Why {
  readonly about: string;
  readonly notes: readonly string[];
  readonly parts: readonly {
    readonly name: string | null;
    readonly head: string;
    readonly fix: Fix | null;
    readonly hosts: readonly { readonly host: string; readonly says: string }[];
  }[];
}

export interface RunRow {
  readonly run: string;
  readonly name: string;
  /** What it was given, in a line. */
  readonly inputs: string;
  readonly status: string;
  readonly over: boolean;
  readonly from: string;
  readonly atMs: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly usd: number;
  readonly needs: number;
  readonly waits: string | null;
}

export interface Step {
  readonly id: string;
  readonly kind: string;
  readonly folder: string;
  readonly needs: readonly string[];
  readonly status: string;
  readonly why: string | null;
  readonly tally: Tally | null;
}

/** How the answers of a vote fell, most first; `names`: who said so. */
export interface Tally {
  readonly field: string;
  readonly counts: readonly { readonly value: string; readonly names: readonly string[] }[];
}

export interface Task {
  readonly id: string;
  readonly path: string;
  readonly step: string;
  readonly key: string;
  readonly to: string;
  readonly phase: string;
  readonly state: string;
  readonly isReused: boolean;
  readonly host: string | null;
  readonly heldBy: string | null;
  readonly attempts: number | null;
  readonly usd: number;
  readonly tokens: number;
  readonly durationMs: number | null;
  readonly why: string | null;
  readonly askedMs: number | null;
  readonly startMs: number | null;
  readonly endMs: number | null;
}

export interface Gate {
  readonly gate: string;
  readonly id: string;
  readonly title: string;
  readonly form: string;
  readonly choices: readonly string[];
  readonly state: string;
  readonly decision: string | null;
  readonly approvers: readonly string[];
  readonly received: number;
  readonly quorum: number;
  readonly asks: string;
  readonly mine: boolean;
  readonly askedMs: number | null;
  /** When the answer came that decided it; null = it is open, or its time was over. */
  readonly decidedMs: number | null;
}

/** A gate that waits, and who looks at it. */
export interface OpenGate extends Gate {
  readonly run: string;
  readonly me: string | null;
}

export interface Run {
  readonly run: string;
  readonly name: string;
  readonly from: string;
  readonly status: string;
  readonly over: boolean;
  readonly atMs: number;
  readonly markerId: string;
  /** What it was given. */
  readonly inputs: readonly { readonly name: string; readonly text: string }[];
  readonly steps: readonly Step[];
  readonly tasks: readonly Task[];
  readonly gates: readonly Gate[];
  readonly counts: Readonly<Record<string, number>>;
  readonly budget: {
    readonly agents: number;
    readonly usd: number;
    readonly tokens: number;
    readonly limits: Readonly<Record<string, number | null>>;
  } | null;
  readonly waits: readonly {
    readonly kind: string;
    readonly says: string;
    readonly fix: Fix | null;
    readonly needs_person: boolean;
  }[];
  readonly answer: string | null;
  readonly me: string | null;
}

export interface Parked {
  readonly model: string;
  readonly says: string;
  readonly untilMs: number | null;
}

/** One push of the dispatcher on this machine; `atMs`: when it ended. */
export interface Push {
  readonly atMs: number;
  readonly tookMs: number;
  readonly how: 'landed' | 'part' | 'lost' | 'refused' | 'unknown';
  readonly movesBranch: boolean;
  /** Those that are known, and the first of their subjects. */
  readonly commits: number;
  readonly subjects: readonly string[];
  readonly claimed: number;
  readonly renewed: number;
  readonly released: number;
  readonly capsules: number;
  readonly hasBeat: boolean;
}

/** `host`: null = no dispatcher runs on this machine. */
export interface Pushes {
  readonly host: string | null;
  readonly pushes: readonly Push[];
}

export interface Board {
  readonly me: string;
  readonly hosts: readonly {
    readonly alias: string;
    readonly instance: string;
    readonly isHere: boolean;
    readonly isUp: boolean;
    readonly state: string;
    readonly version: string | null;
    readonly slots: number;
    readonly models: readonly string[];
    readonly beatMs: number | null;
    readonly parked: readonly Parked[];
    readonly holds: readonly {
      readonly id: string;
      readonly model: string;
      readonly attempt: number;
    }[];
    /** How often it beats, where an old beat is no bad sign; null = its beat is not old. */
    readonly beatsEveryMs: number | null;
    readonly unsent: number | null;
    readonly outage: string | null;
  }[];
  readonly models: readonly {
    readonly name: string;
    readonly here: {
      readonly served: boolean;
      readonly state: string;
      readonly says: string;
      readonly fix: Fix | null;
      readonly adapter: string | null;
      readonly model: string | null;
      readonly effects: string | null;
    } | null;
    readonly hosts: readonly string[];
    readonly parked: readonly (Parked & { readonly host: string })[];
    readonly waiting: number;
    readonly running: number;
    readonly week: Figures | null;
  }[];
  readonly budgets: {
    readonly untilMs: number;
    readonly lines: readonly {
      readonly name: string;
      readonly unit: string;
      readonly used: number;
      readonly limit: number;
    }[];
  } | null;
  /** Replies of the last hour of models whose runs in an hour are limited. */
  readonly rates: NonNullable<Board['budgets']>['lines'];
  /** Pushes in each minute of the last hour, oldest first; `limit`: of all hosts together. */
  readonly traffic: {
    readonly limit: number | null;
    readonly hosts: readonly { readonly alias: string; readonly minutes: readonly number[] }[];
  };
  readonly leaseMs: number;
}
