import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  UnauthorizedException,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import { AccessTokens } from './access-tokens.js';

const USER = Symbol('crm-demo:user');
type Authenticated = Request & { [USER]?: string };

/** Lets in whoever sends `Authorization: Bearer` with a token from the login. */
@Injectable()
export class LoginGuard implements CanActivate {
  constructor(private readonly tokens: AccessTokens) {}

  async canActivate(context: ExecutionContext): Promise<true> {
    const request = context.switchToHttp().getRequest<Authenticated>();
    const [, token] = /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '') ?? [];
    const user = token && (await this.tokens.verify(token));
    if (!user) {
      context.switchToHttp().getResponse<Response>().setHeader('WWW-Authenticate', 'Bearer');
      throw new UnauthorizedException('Log in first: POST /login {"user": "alice"}.');
    }
    request[USER] = user;
    return true;
  }
}

/** Whom the guard has let in. */
export const CurrentUser = createParamDecorator(
  (_: undefined, context: ExecutionContext) => context.switchToHttp().getRequest<Authenticated>()[USER],
);
