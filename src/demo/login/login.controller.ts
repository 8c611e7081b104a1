import { Body, Controller, Header, HttpCode, Post } from '@nestjs/common';
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
  async login(@Body() body: unknown): Promise<{ token: string }> {
    const user = userNameIn(body, 'user');
    await this.people.meet(user);
    await this.inboxes.open(user);
    return { token: await this.tokens.issue(user) };
  }
}
