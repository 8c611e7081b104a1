/** The longest delay of a timer, about 24 days: Node and browsers fire one with a longer delay at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;
