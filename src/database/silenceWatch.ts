import { type Clock, systemClock } from '../work/clock.ts';

/** A watched session with the database. */
interface Session {
  /** Closes the connection at once. Whoever waits for its answer gets an error. */
  readonly destroy: () => void;
}

export interface SilenceWatch {
  /** Whether the database is silent. New sessions are then pointless. */
  readonly isSilent: () => boolean;
  readonly open: (session: Session) => void;
  readonly close: (session: Session) => void;
  /** Records that a statement starts. Each session runs one at a time. */
  readonly begin: (session: Session) => void;
  /**
   * Records that a statement ended.
   *
   * @param isAnswer whether the database answered it, even with an error.
   */
  readonly end: (session: Session, isAnswer: boolean) => void;
}

/** Watches nothing, for statements that can take as long as they need. */
export const NO_WATCH: SilenceWatch = {
  isSilent: () => false,
  open: () => undefined,
  close: () => undefined,
  begin: () => undefined,
  end: () => undefined,
};

/** After this time without an answer, the watch probes the database. */
const SILENT_AFTER_MS = 600;

/** How often the watch looks while statements run or the database is silent. */
const LOOK_MS = 100;

/** A look this much too late means that the process itself was stalled. */
const LATE_MS = 200;

type Phase = 'answering' | 'silent';

/**
 * Detects a silent database: no statement gets an answer, and neither does a probe. Waiting statements would block until
 * their time limits, and new ones would queue behind them. So the watch destroys all sessions, and none should be opened
 * until the database answers again. A slow statement is not a silence, because the database answers others.
 *
 * @param isThere probes the database in a separate session. It resolves soon in any case.
 */
export function watchSilence(isThere: () => Promise<boolean>, clock: Clock = systemClock): SilenceWatch {
  const sessions = new Set<Session>();
  /** The start of each session's running statement. */
  const waiting = new Map<Session, number>();
  let heardAt = clock.now();
  let phase: Phase = 'answering';
  let isScheduled = false;

  const look = async (dueAt: number): Promise<void> => {
    const lookedAt = clock.now();
    // A stalled process has not yet read answers that arrived.
    const isLate = lookedAt - dueAt > LATE_MS;
    const isDoubtful = lookedAt - Math.max(heardAt, Math.min(...waiting.values())) >= SILENT_AFTER_MS;
    if (phase === 'silent' || (waiting.size > 0 && isDoubtful && !isLate)) {
      phase = !(await isThere()) && heardAt < lookedAt ? 'silent' : 'answering';
      if (phase === 'silent') for (const session of sessions) session.destroy();
    }
    isScheduled = false;
    schedule();
  };
  const schedule = (): void => {
    if (isScheduled || (waiting.size === 0 && phase === 'answering')) return;
    isScheduled = true;
    const dueAt = clock.now() + LOOK_MS;
    clock.setTimer(() => void look(dueAt), LOOK_MS, 'does not keep the process running');
  };

  return {
    isSilent: () => phase === 'silent',
    open: (session) => {
      sessions.add(session);
    },
    close: (session) => {
      sessions.delete(session);
      waiting.delete(session);
    },
    begin: (session) => {
      waiting.set(session, clock.now());
      schedule();
    },
    end: (session, isAnswer) => {
      waiting.delete(session);
      if (isAnswer) heardAt = clock.now();
    },
  };
}
