import { BadRequestException, Body, Controller, Get, HttpCode, Param, Post, UseGuards } from '@nestjs/common';
import { CurrentUser, LoginGuard } from '../login/login.guard.js';
import { userNameIn } from '../login/user-name.js';
import { fieldOf, idIn, optionalTextIn, shortTextIn } from '../request-body.js';
import type { Approval } from './approval.entity.js';
import { ApprovalsService } from './approvals.service.js';

const MAX_TEXT = 500;

@Controller()
@UseGuards(LoginGuard)
export class ApprovalsController {
  constructor(private readonly approvals: ApprovalsService) {}

  @Get('approvals')
  async list(@CurrentUser() user: string): Promise<{ items: Approval[] }> {
    return { items: await this.approvals.ofUser(user) };
  }

  @Get('deals/:id/approvals')
  async ofDeal(@Param('id') id: string): Promise<{ items: Approval[] }> {
    return { items: await this.approvals.ofDeal(idIn(id, 'a deal')) };
  }

  @Post('deals/:id/approvals')
  async ask(@Param('id') id: string, @Body() body: unknown, @CurrentUser() user: string): Promise<Approval> {
    const amount = fieldOf(body, 'amount');
    if (!Number.isSafeInteger(amount) || (amount as number) < 1) {
      throw new BadRequestException('The body must be JSON with "amount", a whole number of at least 1.');
    }
    const asked = {
      approver: userNameIn(body, 'approver'),
      amount: amount as number,
      reason: shortTextIn(body, 'reason', MAX_TEXT),
    };
    return await this.approvals.ask(idIn(id, 'a deal'), asked, user);
  }

  @Post('approvals/:id/approve')
  @HttpCode(200)
  async approve(@Param('id') id: string, @Body() body: unknown, @CurrentUser() user: string): Promise<Approval> {
    return await this.approvals.decide(approvalId(id), 'approved', noteIn(body), user);
  }

  @Post('approvals/:id/reject')
  @HttpCode(200)
  async reject(@Param('id') id: string, @Body() body: unknown, @CurrentUser() user: string): Promise<Approval> {
    return await this.approvals.decide(approvalId(id), 'rejected', noteIn(body), user);
  }
}

function approvalId(id: string): number {
  return idIn(id, 'an approval');
}

function noteIn(body: unknown): string | null {
  return optionalTextIn(body, 'note', MAX_TEXT);
}
