import { Body, Controller, Header, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { nameBrowser } from '../lab/browser-id.js';
import { Inboxes } from '../people/inboxes.js';
import { People } from '../people/people.service.js';
import { AccessTokens } from './access-tokens.js';
import { userNameIn } from './user-name.js';

@Controller('login')
export class LoginController {
  constructor(
    private readonly tokens: AccessTokens,
    private readonly people: People,
    private readonly inboxes: Inboxes,
  ) {}

  /** Believes everybody: this is a demo. */
  @Post()
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  async login(
    @Body() body: unknown,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<{ token: string }> {
    const user = userNameIn(body, 'user');
    await this.people.meet(user);
    await this.inboxes.open(user);
    nameBrowser(request, response);
    return { token: await this.tokens.issue(user) };
  }
}
