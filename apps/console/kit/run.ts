import type { CommonEvent, Program, Step } from './program.ts';
import { Terminal, type TerminalStreams } from './terminal.ts';

/** Milliseconds until an event whose drawing can be delayed is drawn. */
const DRAW_AFTER = 30;

/**
 * Runs a program on a terminal until it ends, the terminal hangs up or the signal is aborted. Keys are handled while
 * effects are running; the terminal is always released.
 * @returns the program's exit status; 0 after a hang-up
 * @throws what `update` or `view` throws
 */
export async function runProgram<State, Event, Effect>(
  program: Program<State, Event, Effect>,
  streams: TerminalStreams,
  signal: AbortSignal,
): Promise<number> {
  const over = Promise.withResolvers<number>();
  const ending = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let interval = Number.NaN;
  let state: State;
  let drawing: NodeJS.Timeout | undefined;

  /** Ends the program with any error that the work throws. */
  const guard = (work: () => void) => {
    try {
      work();
    } catch (error) {
      over.reject(error);
    }
  };
  const show = () => {
    clearTimeout(drawing);
    drawing = undefined;
    terminal.show(program.view(state));
  };
  /** Draws after a short delay, so that events in quick succession are drawn once. */
  const showSoon = () => {
    drawing ??= setTimeout(() => guard(show), DRAW_AFTER);
  };
  const take = (step: () => Step<State, Effect>, draw: () => void) => {
    if (ending.signal.aborted) return;
    guard(() => {
      const next = step();
      state = next.state;
      const status = program.exitStatus(state);
      if (status !== null) return over.resolve(status);
      draw();
      keepTicking(program.tickAfter(state));
      for (const effect of next.effects) {
        program.carryOut(effect, ending.signal).then((event) => {
          take(() => program.update(state, event), program.canWait(event) ? showSoon : show);
        }, over.reject);
      }
    });
  };
  /**
   * Keeps a running timer if its interval is unchanged; restarting it would let a stream of events postpone the tick
   * for ever.
   */
  const keepTicking = (milliseconds: number) => {
    if (milliseconds === interval) return;
    clearInterval(timer);
    interval = milliseconds;
    timer = setInterval(tick, milliseconds);
  };
  const happen = (event: CommonEvent) => take(() => program.update(state, event), show);
  const tick = () => happen({ type: 'tick', now: Date.now() });
  const hangUp = () => over.resolve(0);

  using terminal = new Terminal(streams, {
    key: (key) => {
      if (key.name === 'redraw') terminal.forget();
      happen({ type: 'key', key });
    },
    resize: (size) => happen({ type: 'resize', size }),
    end: hangUp,
  });
  signal.addEventListener('abort', hangUp);
  if (signal.aborted) hangUp();
  try {
    take(() => program.start(terminal.size, Date.now()), show);
    return await over.promise;
  } finally {
    ending.abort();
    clearInterval(timer);
    clearTimeout(drawing);
    signal.removeEventListener('abort', hangUp);
  }
}
