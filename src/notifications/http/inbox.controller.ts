import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Patch,
  Post,
  Query,
  type Type,
  UseGuards,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import type { InboxNumbers, InboxPage } from '../notification.js';
import { NotificationService } from '../notification.service.js';
import type { Identity } from '../notifications.options.js';
import { CurrentIdentity, inboxOf } from './identity.js';
import { InboxGuard } from './notifications.guard.js';
import { notInInbox, parseId, parseListQuery, parseReadFlag, parseReadTarget } from './requests.js';
import { type IssuedStreamToken, StreamTokens } from './stream-token.js';

/**
 * The REST side of the inbox below `path`. A class of its own for each call: two
 * modules of one process may have two paths.
 */
export function createInboxController(path: string): Type<unknown> {
  @Controller({ path, version: VERSION_NEUTRAL })
  @UseGuards(InboxGuard)
  class NotificationsController {
    constructor(
      @Inject(NotificationService) private readonly notifications: NotificationService,
      @Inject(StreamTokens) private readonly streamTokens: StreamTokens,
    ) {}

    @Get()
    async list(@CurrentIdentity() identity: Identity, @Query() query: unknown): Promise<InboxPage> {
      const page = await this.notifications.list(inboxOf(identity), parseListQuery(query));
      return { items: page.items, nextBefore: page.nextBefore, ...numbersOf(page) };
    }

    @Get('unread-count')
    async unreadCount(@CurrentIdentity() identity: Identity): Promise<InboxNumbers> {
      return numbersOf(await this.notifications.unreadCount(inboxOf(identity)));
    }

    @Patch(':id')
    async setRead(
      @CurrentIdentity() identity: Identity,
      @Param('id') id: string,
      @Body() body: unknown,
    ): Promise<InboxNumbers> {
      const ids = [parseId(id)];
      const inbox = inboxOf(identity);
      const change = parseReadFlag(body)
        ? await this.notifications.markRead(inbox, ids)
        : await this.notifications.markUnread(inbox, ids);
      if (change.found === 0) throw notInInbox();
      return numbersOf(change);
    }

    @Post('read')
    @HttpCode(200)
    async markRead(@CurrentIdentity() identity: Identity, @Body() body: unknown): Promise<InboxNumbers> {
      return numbersOf(await this.notifications.markRead(inboxOf(identity), parseReadTarget(body)));
    }

    @Delete(':id')
    async remove(@CurrentIdentity() identity: Identity, @Param('id') id: string): Promise<InboxNumbers> {
      return numbersOf(await this.notifications.remove(inboxOf(identity), [parseId(id)]));
    }

    @Post('stream-token')
    @HttpCode(200)
    issueStreamToken(@CurrentIdentity() identity: Identity): Promise<IssuedStreamToken> {
      return this.streamTokens.issue(identity);
    }
  }
  return NotificationsController;
}

/** Exactly the three: what else the service returns is not part of the wire format. */
function numbersOf({ lastId, unread, revision }: InboxNumbers): InboxNumbers {
  return { lastId, unread, revision };
}
