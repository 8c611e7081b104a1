import { BadRequestException, Body, Controller, Get, Param, Post, UseGuards } from '@nestjs/common';
import { CurrentUser, LoginGuard } from '../login/login.guard.js';
import { fieldOf, idIn, optionalTextIn } from '../request-body.js';
import type { Reminder } from './reminder.entity.js';
import { RemindersService } from './reminders.service.js';

const MAX_TEXT = 500;
const YEAR_MS = 366 * 24 * 60 * 60 * 1_000;
/** Without an offset it would be the server's time zone, which the user doesn't know. */
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

@Controller('deals/:id/reminders')
@UseGuards(LoginGuard)
export class RemindersController {
  constructor(private readonly reminders: RemindersService) {}

  @Get()
  async ahead(@Param('id') id: string, @CurrentUser() user: string): Promise<{ items: Reminder[] }> {
    return { items: await this.reminders.ahead(idIn(id, 'a deal'), user) };
  }

  @Post()
  async remind(@Param('id') id: string, @Body() body: unknown, @CurrentUser() user: string): Promise<Reminder> {
    const note = optionalTextIn(body, 'note', MAX_TEXT);
    return await this.reminders.remind(user, idIn(id, 'a deal'), momentIn(body), note);
  }
}

function momentIn(body: unknown): Date {
  const value = fieldOf(body, 'at');
  const at = new Date(typeof value === 'string' && MOMENT.test(value) ? value : Number.NaN);
  if (Number.isNaN(at.getTime())) {
    throw new BadRequestException(
      'The body must be JSON with "at", a moment with its offset, such as 2027-01-31T09:00:00Z.',
    );
  }
  const ahead = at.getTime() - Date.now();
  if (ahead <= 0 || ahead > YEAR_MS) throw new BadRequestException('"at" must be within the year to come.');
  return at;
}
