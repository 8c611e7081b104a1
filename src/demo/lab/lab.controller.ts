import { Body, Controller, Get, HttpCode, Post, Req, UseGuards } from '@nestjs/common';
import type { Request } from 'express';
import { NotificationService } from '../../notifications/index.js';
import { CurrentUser, LoginGuard } from '../login/login.guard.js';
import { flagIn } from '../request-body.js';
import { BrokerSwitch } from './broker-switch.js';
import { StreamSwitch } from './stream-switch.js';

/** How things stand with the switches. */
export interface Lab {
  stream: { cut: boolean };
  broker: { stopped: boolean };
}

/** Breaks what connects a browser to the CRM, to watch it recover. Both switches are those of this instance. */
@Controller('lab')
@UseGuards(LoginGuard)
export class LabController {
  constructor(
    private readonly streams: StreamSwitch,
    private readonly broker: BrokerSwitch,
    private readonly notifications: NotificationService,
  ) {}

  @Get()
  state(@CurrentUser() user: string, @Req() request: Request): Lab {
    return { stream: { cut: this.streams.isCut(user, request) }, broker: { stopped: this.broker.isStopped } };
  }

  /** Cuts the streams of this login in this browser, or mends them. */
  @Post('stream')
  @HttpCode(200)
  switchStream(@Body() body: unknown, @CurrentUser() user: string, @Req() request: Request): Lab {
    if (flagIn(body, 'cut')) this.streams.cut(user, request);
    else this.streams.mend(user, request);
    return this.state(user, request);
  }

  /** Stops the broker of this instance, or starts it. */
  @Post('broker')
  @HttpCode(200)
  switchBroker(@Body() body: unknown, @CurrentUser() user: string, @Req() request: Request): Lab {
    if (flagIn(body, 'stopped')) this.broker.stop();
    else this.broker.start();
    this.notifications.signalAll('lab.changed', { broker: { stopped: this.broker.isStopped } });
    return this.state(user, request);
  }
}
