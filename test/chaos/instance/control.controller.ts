import { Body, ConflictException, Controller, HttpCode, Inject, Post } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { NotificationService } from '../../../src/notifications/index.js';
import type { HintFaults, Wanted, WriteRequest } from './protocol.js';
import { UnreliableHints } from './unreliable-broker.js';

class RolledBack extends ConflictException {}

/** Where the writers reach the CRM's own code: a business row and its notifications. */
@Controller('chaos')
export class ControlController {
  constructor(
    @Inject(NotificationService) private readonly notifications: NotificationService,
    @Inject(DataSource) private readonly dataSource: DataSource,
    @Inject(UnreliableHints) private readonly hints: UnreliableHints,
  ) {}

  @Post('write')
  @HttpCode(200)
  async write(@Body() request: WriteRequest): Promise<object> {
    if (!request.transaction) {
      await Promise.all(request.wanted.map((wanted) => this.send(wanted)));
      return {};
    }
    await this.dataSource.transaction(async (manager) => {
      for (const wanted of request.wanted) {
        await manager.query('INSERT INTO chaos_deal (op) VALUES ($1) ON CONFLICT DO NOTHING', [wanted.op]);
        await this.send(wanted, manager);
      }
      await new Promise((resolve) => setTimeout(resolve, request.holdMs));
      if (request.rollback) throw new RolledBack();
    });
    return {};
  }

  @Post('hints')
  @HttpCode(200)
  setHintFaults(@Body() faults: HintFaults): object {
    this.hints.faults = faults;
    return {};
  }

  private async send({ op, to, bodyLength = 0, ...options }: Wanted, manager?: EntityManager): Promise<void> {
    const body = '信'.repeat(bodyLength);
    const notification = { type: 'chaos', title: `Operation ${op}`, body, data: { op } };
    if (to) await this.notifications.notify(to, notification, { ...options, manager });
    else await this.notifications.broadcast(notification, { ...options, manager });
  }
}
