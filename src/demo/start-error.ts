/** The demo can't start; the message says why and what to do. */
export class StartError extends Error {}
