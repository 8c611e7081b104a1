import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Recipient } from '../notification.js';
import { NotificationsError } from '../notifications.error.js';
import type { HttpRequest, Identity } from '../notifications.options.js';
import { checkRecipientId, checkTenant, isValidDate } from '../payload.js';

/** Who a stream is for. */
export interface StreamIdentity extends Identity {
  /** `streamsValidFrom()` when a stream token was checked: a `disconnect()` since then counts. */
  validFrom?: number;
}

const IDENTITY = Symbol('nestjs-crm-notifications:identity');

/** Leaves the identity on the request, for {@link CurrentIdentity}. Only the guards call it. */
export function setIdentity(request: HttpRequest, identity: Identity): void {
  Object.defineProperty(request, IDENTITY, { value: identity, configurable: true });
}

/** The identity that the guard of the route established. */
export function identityOf(request: HttpRequest): StreamIdentity {
  const identity = (request as { [IDENTITY]?: Identity })[IDENTITY];
  // Never a default: a route without a guard must not read anybody's inbox.
  if (!identity) throw new Error('identityOf: no guard of this library ran before this handler.');
  return identity;
}

/** {@link identityOf} the request, for a handler. */
export const CurrentIdentity = createParamDecorator(
  (_: undefined, context: ExecutionContext): Identity => identityOf(context.switchToHttp().getRequest<HttpRequest>()),
);

/** The inbox that a request is about: always the caller's own. */
export function inboxOf(identity: Identity): Recipient {
  return { tenant: identity.tenant ?? '', id: identity.recipient };
}

/** Whether the session behind an identity is over. */
export function isOver(identity: Identity): boolean {
  return identity.expiresAt !== undefined && identity.expiresAt.getTime() <= Date.now();
}

/**
 * Checks what the host's `authenticate` returned.
 *
 * @throws {NotificationsError} `INVALID_ARGUMENT`, with the field, what is wrong with it and what is allowed.
 */
export function checkIdentity(value: unknown): Identity {
  if (typeof value !== 'object' || value === null) refuse(`must return an identity or null, not a ${typeof value}.`);
  const { recipient, tenant = '', expiresAt } = value as Record<string, unknown>;
  checkRecipientId(recipient);
  checkTenant(tenant);
  if (expiresAt !== undefined && !isValidDate(expiresAt)) {
    refuse('returned an expiresAt that is neither a valid Date nor undefined.');
  }
  return { recipient, tenant, expiresAt };
}

function refuse(problem: string): never {
  throw new NotificationsError('INVALID_ARGUMENT', `authenticate ${problem}`);
}
