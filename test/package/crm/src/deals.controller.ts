import { Body, Controller, Param, Post, Put } from '@nestjs/common';
import type { NotifyResult } from 'nestjs-crm-notifications';
import { DealsService } from './deals.service.js';

@Controller()
export class DealsController {
  constructor(private readonly deals: DealsService) {}

  @Put('deals/:id/owner')
  async assign(@Param('id') id: string, @Body() { ownerId }: { ownerId: string }): Promise<NotifyResult> {
    return await this.deals.assign(id, ownerId);
  }

  @Post('deals/:id/reminders')
  async remind(@Param('id') id: string): Promise<NotifyResult> {
    return await this.deals.remind(id);
  }

  @Post('announcements')
  async announce(@Body() { title }: { title: string }): Promise<NotifyResult> {
    return await this.deals.announce(title);
  }
}
