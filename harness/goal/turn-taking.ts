/** Lets pieces of work happen one after the other: lanes think side by side, but share one machine to build, run and time on. */
export class TurnTaking {
  private last: Promise<unknown> = Promise.resolve();

  take<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.last.then(work, work);
    this.last = turn.catch(() => {});
    return turn;
  }
}
