/** A session with the database, as far as it is watched. */
interface Session {
  /** Ends it at once: whoever waits for it is told that the connection is gone. */
  readonly destroy: () => void;
}

export interface SilenceWatch {
  /** Whether the database has gone silent, and a new session need not be tried. */
  readonly isSilent: () => boolean;
  readonly open: (session: Session) => void;
  readonly close: (session: Session) => void;
  /** A statement begins. Each session has one at a time. */
  readonly begin: (session: Session) => void;
  /** It has ended. @param isAnswer whether the database said so. */
  readonly end: (session: Session, isAnswer: boolean) => void;
}

/** A database that has said nothing for so long is asked whether it is there, in milliseconds. */
const SILENT_AFTER_MS = 600;

/** How often that is looked at as long as statements are under way or the database is silent, in milliseconds. */
const LOOK_MS = 100;

/** Whoever looks so much later than intended was held up, in milliseconds. */
const LATE_MS = 200;

/**
 * Notices that the database, or the network to it, has gone silent: no statement is answered, and neither is one that
 * anything could answer at once. What waits then would wait until its time is over, and what comes would wait behind it; so
 * all sessions are given up, and none is opened until it answers again. A statement that only takes its time is left alone.
 *
 * @param isThere asks the database something, in a session of its own; resolves soon, whatever comes of it.
 */
export function watchSilence(isThere: () => Promise<boolean>): SilenceWatch {
  const sessions = new Set<Session>();
  const waiting = new Map<Session, number>();
  let heardAt = performance.now();
  let silent = false;
  let timer: NodeJS.Timeout | null = null;

  const look = async (dueAt: number): Promise<void> => {
    const askedAt = performance.now();
    // A process that was held up itself has not read yet what was answered.
    const isLate = askedAt - dueAt > LATE_MS;
    const isDoubtful = askedAt - Math.max(heardAt, Math.min(...waiting.values())) >= SILENT_AFTER_MS;
    if (silent || (waiting.size > 0 && isDoubtful && !isLate)) {
      silent = !(await isThere()) && heardAt < askedAt;
      if (silent) for (const session of sessions) session.destroy();
    }
    timer = null;
    schedule();
  };
  const schedule = (): void => {
    if (timer !== null || (waiting.size === 0 && !silent)) return;
    const dueAt = performance.now() + LOOK_MS;
    timer = setTimeout(() => void look(dueAt), LOOK_MS);
    timer.unref();
  };

  return {
    isSilent: () => silent,
    open: (session) => {
      sessions.add(session);
    },
    close: (session) => {
      sessions.delete(session);
      waiting.delete(session);
    },
    begin: (session) => {
      waiting.set(session, performance.now());
      schedule();
    },
    end: (session, isAnswer) => {
      waiting.delete(session);
      if (isAnswer) heardAt = performance.now();
    },
  };
}
