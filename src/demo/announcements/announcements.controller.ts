import { Body, Controller, HttpCode, Post, UseGuards } from '@nestjs/common';
import type { NotifyResult } from '../../notifications/index.js';
import { CurrentUser, LoginGuard } from '../login/login.guard.js';
import { textIn } from '../request-body.js';
import { AnnouncementsService } from './announcements.service.js';

@Controller('announcements')
@UseGuards(LoginGuard)
export class AnnouncementsController {
  constructor(private readonly announcements: AnnouncementsService) {}

  @Post()
  @HttpCode(200)
  async announce(@Body() body: unknown, @CurrentUser() user: string): Promise<NotifyResult> {
    return await this.announcements.announce(textIn(body, 'title'), { from: user });
  }
}
