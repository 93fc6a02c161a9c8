/** One figure of the bench. */
export interface BenchResult {
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  /** Against something measured side by side in the same run. */
  readonly ratio?: {
    readonly of: string;
    readonly value: number;
    /** The budget in words, such as `≥ 0.7`. */
    readonly budget?: string;
    readonly ok?: boolean;
  };
  readonly note?: string;
}

/** How a suite is to run. */
export interface BenchOptions {
  /** Shortest run that still executes every measurement: figures mean nothing, but nothing is broken. */
  readonly smoke: boolean;
}
