/**
 * Whether a real server can be had on this machine. `available()` of each service fetches and builds what is missing,
 * so that its answer is the truth and not a guess; the answer is kept for the life of the process.
 */
export type Availability =
  { readonly ok: true; readonly version: string } | { readonly ok: false; readonly why: string };

/** Remembers the first answer of `prepare`, which returns the version or throws the reason why there is none. */
export function availability(prepare: () => string): () => Availability {
  let answer: Availability | undefined;
  return () => {
    answer ??= attempt(prepare);
    return answer;
  };
}

function attempt(prepare: () => string): Availability {
  try {
    return { ok: true, version: prepare() };
  } catch (error) {
    return { ok: false, why: (error as Error).message };
  }
}
