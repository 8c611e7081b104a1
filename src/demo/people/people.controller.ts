import { BadRequestException, Body, Controller, Get, HttpCode, Post, UseGuards } from '@nestjs/common';
import { NotificationService } from '../../notifications/index.js';
import { CurrentUser, LoginGuard } from '../login/login.guard.js';
import { fieldOf } from '../request-body.js';
import { isLanguage, LANGUAGES } from './language.js';
import { People } from './people.service.js';
import type { Person } from './person.entity.js';
import { COLLEAGUES } from './sample-people.js';

@Controller()
export class PeopleController {
  constructor(
    private readonly people: People,
    private readonly notifications: NotificationService,
  ) {}

  /** Whom the login offers: the only thing to be seen without one. */
  @Get('colleagues')
  async colleagues(): Promise<{ items: Person[] }> {
    return { items: await this.people.of(COLLEAGUES) };
  }

  @Get('people')
  @UseGuards(LoginGuard)
  async list(): Promise<{ items: Person[] }> {
    return { items: await this.people.list() };
  }

  @Get('me')
  @UseGuards(LoginGuard)
  async me(@CurrentUser() user: string): Promise<Person> {
    return await this.people.one(user);
  }

  /** Chooses the language of all that the CRM writes to somebody from then on. */
  @Post('me')
  @HttpCode(200)
  @UseGuards(LoginGuard)
  async speak(@Body() body: unknown, @CurrentUser() user: string): Promise<Person> {
    const language = fieldOf(body, 'language');
    if (!isLanguage(language)) {
      throw new BadRequestException(`The body must be JSON with "language", one of ${LANGUAGES.join(', ')}.`);
    }
    const me = await this.people.speaks(user, language);
    // Their other windows follow.
    this.notifications.signal(user, 'me.changed', { language });
    return me;
  }
}
