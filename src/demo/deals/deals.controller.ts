import { BadRequestException, Body, Controller, Get, HttpCode, Param, Post, UseGuards } from '@nestjs/common';
import { CurrentUser, LoginGuard } from '../login/login.guard.js';
import { userNameIn } from '../login/user-name.js';
import { fieldOf, idIn } from '../request-body.js';
import type { Deal } from './deal.entity.js';
import { DealsService } from './deals.service.js';
import { isStage, STAGES } from './stage.js';

@Controller('deals')
@UseGuards(LoginGuard)
export class DealsController {
  constructor(private readonly deals: DealsService) {}

  @Get()
  async list(): Promise<{ items: Deal[] }> {
    return { items: await this.deals.list() };
  }

  @Post(':id/assign')
  @HttpCode(200)
  async assign(@Param('id') id: string, @Body() body: unknown, @CurrentUser() user: string): Promise<Deal> {
    return await this.deals.assign(idIn(id, 'a deal'), userNameIn(body, 'owner'), user);
  }

  @Post(':id/move')
  @HttpCode(200)
  async move(@Param('id') id: string, @Body() body: unknown, @CurrentUser() user: string): Promise<Deal> {
    const stage = fieldOf(body, 'stage');
    if (!isStage(stage)) {
      throw new BadRequestException(`The body must be JSON with "stage", one of ${STAGES.join(', ')}.`);
    }
    return await this.deals.move(idIn(id, 'a deal'), stage, user);
  }

  /** A window shows this deal, or does so no longer. */
  @Post(':id/viewing')
  @HttpCode(200)
  async view(@Param('id') id: string, @Body() body: unknown, @CurrentUser() user: string): Promise<object> {
    const [view, isOpen] = [fieldOf(body, 'view'), fieldOf(body, 'isOpen')];
    if (typeof view !== 'string' || !/^[\w-]{1,64}$/.test(view) || typeof isOpen !== 'boolean') {
      throw new BadRequestException('The body must be JSON with "view", 1 to 64 letters, digits or -, and "isOpen".');
    }
    await this.deals.view(idIn(id, 'a deal'), user, view, isOpen);
    return {};
  }
}
