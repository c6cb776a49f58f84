/** Facts about one event; values are printed as JSON. Message bodies never go here. */
export type LogFields = Readonly<
  Record<string, string | number | boolean | null | readonly string[]>
>;

export type LogLevel = 'status' | 'warning' | 'alert';

/**
 * One thing that happened: `event` is `noun.verbed`. A warning says what happens next in `next`; an
 * alert needs a person and says `fix`.
 */
export interface LogRecord {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields;
}

/** The door to the log. */
export interface Log {
  status(event: string, fields?: LogFields): void;
  warning(event: string, fields?: LogFields): void;
  alert(event: string, fields?: LogFields): void;
}

/** A log that hands every record to `write`. */
export function createLog(write: (record: LogRecord) => void): Log {
  const at =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}): void => {
      write({ level, event, fields });
    };
  return { status: at('status'), warning: at('warning'), alert: at('alert') };
}
