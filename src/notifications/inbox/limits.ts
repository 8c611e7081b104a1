/** Recipients of one statement at most: that many inbox rows are locked for about 50 ms. */
export const RECIPIENTS_PER_STATEMENT = 5_000;
