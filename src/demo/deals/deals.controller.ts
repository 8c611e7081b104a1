import { BadRequestException, Body, Controller, Get, HttpCode, Param, Post, UseGuards } from '@nestjs/common';
import { CurrentUser, LoginGuard } from '../login/login.guard.js';
import { userNameIn } from '../login/user-name.js';
import type { Deal } from './deal.entity.js';
import { DealsService } from './deals.service.js';

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
    return await this.deals.assign(dealId(id), userNameIn(body, 'owner'), user);
  }

  /** A window shows this deal, or does so no longer. */
  @Post(':id/viewing')
  @HttpCode(200)
  async view(@Param('id') id: string, @Body() body: unknown, @CurrentUser() user: string): Promise<object> {
    const { view, isOpen } = (body ?? {}) as Record<string, unknown>;
    if (typeof view !== 'string' || !/^[\w-]{1,64}$/.test(view) || typeof isOpen !== 'boolean') {
      throw new BadRequestException('The body must be JSON with "view", 1 to 64 letters, digits or -, and "isOpen".');
    }
    await this.deals.view(dealId(id), user, view, isOpen);
    return {};
  }
}

/** Nine digits are a Postgres integer, and more deals than there will be. */
function dealId(id: string): number {
  if (!/^\d{1,9}$/.test(id)) throw new BadRequestException('The id of a deal must be a whole number.');
  return Number(id);
}
