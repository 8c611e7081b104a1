import {
  Body,
  ConflictException,
  Controller,
  Get,
  HttpCode,
  HttpException,
  Inject,
  Post,
  ServiceUnavailableException,
} from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { NotificationService } from '../../../src/notifications/index.js';
import { type HintFaults, type LogEntry, massesOf, type Wanted, type WriteRequest } from './protocol.js';
import { UnreliableHints } from './unreliable-broker.js';

const TELL_EVERY_MS = 100;

/** Requests that have no answer yet. */
export const UNANSWERED = new Set<WriteRequest>();

class RolledBack extends ConflictException {}

/** A transaction of the host itself, in its own pool, may hold up its shutdown: nobody but the host can end it. */
process.prependOnceListener('SIGTERM', () => {
  const since = performance.now();
  const tell = () => {
    if (![...UNANSWERED].some(({ transaction }) => transaction)) return;
    const text = String(Math.ceil(performance.now() - since));
    process.stderr.write(`${JSON.stringify({ level: 'host', text } satisfies LogEntry)}\n`);
  };
  setInterval(tell, TELL_EVERY_MS).unref();
});

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
    UNANSWERED.add(request);
    try {
      return await this.store(request);
    } catch (error) {
      if (error instanceof HttpException) throw error;
      // Else Nest would log it, and what the host's own code logs is not what is tried here.
      const { code, message } = error as { code?: string; message: string };
      throw new ServiceUnavailableException({ code, message });
    } finally {
      UNANSWERED.delete(request);
    }
  }

  /** How many streams this instance says that it has. */
  @Get('streams')
  streams(): object {
    return { connections: this.notifications.connections() };
  }

  private async store(request: WriteRequest): Promise<object> {
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

  private async send({ op, to, mass, bodyLength = 0, ...options }: Wanted, manager?: EntityManager): Promise<void> {
    const body = '信'.repeat(bodyLength);
    const notification = { type: 'chaos', title: `Operation ${op}`, body, data: { op } };
    if (mass) await this.notifications.notify(massesOf(mass), notification, { ...options, manager });
    else if (to) await this.notifications.notify(to, notification, { ...options, manager });
    else await this.notifications.broadcast(notification, { ...options, manager });
  }
}
