/** Work that can be done piece by piece: each `yield` is a place where others may have their turn. */
export type Steps<Result> = Generator<undefined, Result>;

/** A function whose work can also be done piece by piece, with the same result. */
export interface Stepwise<Argument, Result> {
  (argument: Argument): Result;
  /** Absent: it is short. */
  readonly inSteps?: (argument: Argument) => Steps<Result>;
}

/** Does it all at once. */
export function finish<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** The function that work in steps makes. */
export function stepwise<Argument, Result>(
  inSteps: (argument: Argument) => Steps<Result>,
): Stepwise<Argument, Result> {
  return Object.assign((argument: Argument) => finish(inSteps(argument)), { inSteps });
}

/** `work` with something that is asked before, and may throw. */
export function precededBy<Argument, Result>(
  first: () => void,
  work: Stepwise<Argument, Result>,
): Stepwise<Argument, Result> {
  const { inSteps } = work;
  const whole = (argument: Argument): Result => {
    first();
    return work(argument);
  };
  if (!inSteps) return whole;
  return stepwise(function* (argument) {
    first();
    return yield* inSteps(argument);
  });
}

/** `work` with something more to be done with its result, in its last step. */
export function followedBy<Argument, Between, Result>(
  work: Stepwise<Argument, Between>,
  last: (between: Between) => Result,
): Stepwise<Argument, Result> {
  const { inSteps } = work;
  if (!inSteps) return (argument) => last(work(argument));
  return stepwise(function* (argument) {
    return last(yield* inSteps(argument));
  });
}
