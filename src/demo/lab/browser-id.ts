import { randomUUID } from 'node:crypto';
import type { Request, Response } from 'express';

const COOKIE = 'crm_demo_browser';
const YEAR_MS = 365 * 24 * 60 * 60 * 1_000;

/** Names the browser that a request comes from; empty for a program without cookies. */
export function browserOf(request: Request): string {
  const [, id] = new RegExp(`(?:^|; *)${COOKIE}=([\\w-]{1,64})(?:;|$)`).exec(request.headers.cookie ?? '') ?? [];
  return id ?? '';
}

/** Gives a browser its name with the page: before anything that the page, or two frames of it at once, may ask for. */
export function nameBrowser(request: Request, response: Response): void {
  if (browserOf(request)) return;
  response.cookie(COOKIE, randomUUID(), { httpOnly: true, sameSite: 'lax', maxAge: YEAR_MS });
}
