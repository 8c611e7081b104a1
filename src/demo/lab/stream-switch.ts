import { Injectable } from '@nestjs/common';
import type { NextFunction, Request, Response } from 'express';
import { decodeJwt } from 'jose';
import { browserOf } from './browser-id.js';

/**
 * Cuts the event streams of one login in one browser, as a broken cable would: those that are open, and every new one,
 * until it is mended. All else gets through. Middleware, because it must come before the library's routes.
 */
@Injectable()
export class StreamSwitch {
  private readonly open = new Map<string, Set<Request>>();
  private readonly cuts = new Set<string>();

  /** The middleware. */
  pass(request: Request, response: Response, next: NextFunction): void {
    const key = keyOf(userOf(request), request);
    if (this.cuts.has(key)) {
      request.socket.destroy();
      return;
    }
    const streams = this.open.get(key) ?? new Set();
    this.open.set(key, streams.add(request));
    response.once('close', () => {
      streams.delete(request);
      if (streams.size === 0 && this.open.get(key) === streams) this.open.delete(key);
    });
    next();
  }

  isCut(user: string, request: Request): boolean {
    return this.cuts.has(keyOf(user, request));
  }

  cut(user: string, request: Request): void {
    const key = keyOf(user, request);
    this.cuts.add(key);
    for (const stream of this.open.get(key) ?? []) stream.socket.destroy();
  }

  mend(user: string, request: Request): void {
    this.cuts.delete(keyOf(user, request));
  }
}

function keyOf(user: string, request: Request): string {
  return JSON.stringify([user, browserOf(request)]);
}

/**
 * Whose stream it is going to be, if the token is good: that is for the library to say. Looking into its stream token is
 * nothing that an application should rely on; a demo may, whose switch does nothing if this changes.
 */
function userOf(request: Request): string {
  const [, bearer] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? [];
  try {
    const { recipient, sub } = decodeJwt<{ recipient?: string }>(String(request.query.token ?? bearer));
    return recipient ?? sub ?? '';
  } catch {
    return '';
  }
}
