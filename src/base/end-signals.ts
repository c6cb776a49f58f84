/** The signals by which somebody ends a process; the last says that its terminal is gone. */
export const END_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
