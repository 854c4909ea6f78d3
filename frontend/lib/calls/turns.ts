interface Timed {
  started_ms: number;
  ended_ms: number;
}

/** The turn that is heard at `ms`: the last one that has begun, until a second after its end; -1 when there is none. */
export function turnAt(turns: readonly Timed[], ms: number): number {
  let found = -1;
  for (let index = 0; index < turns.length; index++) {
    const turn = turns[index];
    if (turn && turn.started_ms <= ms && ms < turn.ended_ms + 1000) found = index;
  }
  return found;
}
