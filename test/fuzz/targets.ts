import type { FuzzTarget } from './target.js';
import { argumentsTarget } from './targets/arguments.js';
import { brokerTarget } from './targets/broker-message.js';
import { eventStreamTarget } from './targets/event-stream.js';
import { outboxTarget } from './targets/outbox.js';
import { payloadTarget } from './targets/payload.js';
import { cursorTarget, requestsTarget } from './targets/requests.js';
import { jwtTarget, streamTokenTarget } from './targets/tokens.js';

/** Every parser of what comes from outside: other programs, brokers, browsers, servers. */
export const TARGETS: readonly FuzzTarget[] = [
  payloadTarget,
  outboxTarget,
  brokerTarget,
  cursorTarget,
  streamTokenTarget,
  jwtTarget,
  requestsTarget,
  argumentsTarget,
  eventStreamTarget,
];
