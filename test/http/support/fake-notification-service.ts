import type { MessageEvent } from '@nestjs/common';
import { Observable } from 'rxjs';
import type {
  ChangeResult,
  InboxNumbers,
  InboxPage,
  ListQuery,
  Recipient,
} from '../../../src/notifications/notification.js';
import type { StreamOptions } from '../../../src/notifications/notification.service.options.js';

export interface Call {
  method: string;
  recipient: Recipient;
  argument: unknown;
}

/** The service at the HTTP boundary: records what it is asked for, and answers as the test says. */
export class FakeNotificationService {
  readonly calls: Call[] = [];
  /** Streams that are subscribed to. */
  open = 0;
  /** What the next calls throw. */
  failure: unknown;
  found = 1;
  streamEvents: (subscriber: { next(event: MessageEvent): void }) => void = () => {};
  private readonly validFrom = new Map<string, number>();

  list(recipient: Recipient, query?: ListQuery): Promise<InboxPage> {
    // `extra` stands for whatever else the service may come to know: it must not get out.
    const page = { items: [], nextBefore: null, lastId: 41, unread: 3, revision: 17, extra: true };
    return this.answer('list', recipient, query, page);
  }

  unreadCount(recipient: Recipient): Promise<InboxNumbers> {
    return this.answer('unreadCount', recipient, undefined, this.change());
  }

  markRead(recipient: Recipient, ids: number[] | { upTo: number }): Promise<ChangeResult> {
    return this.answer('markRead', recipient, ids, this.change());
  }

  markUnread(recipient: Recipient, ids: number[]): Promise<ChangeResult> {
    return this.answer('markUnread', recipient, ids, this.change());
  }

  remove(recipient: Recipient, ids: number[]): Promise<ChangeResult> {
    return this.answer('remove', recipient, ids, this.change());
  }

  stream(recipient: Recipient, options?: StreamOptions): Observable<MessageEvent> {
    this.record('stream', recipient, options);
    return new Observable((subscriber) => {
      this.open++;
      subscriber.next({ type: 'ready', id: '41', data: '{"lastId":41}' });
      this.streamEvents(subscriber);
      return () => {
        this.open--;
      };
    });
  }

  async streamsValidFrom(recipient: Recipient): Promise<number> {
    if (this.failure) throw this.failure;
    return this.validFrom.get(key(recipient)) ?? 0;
  }

  /** What `disconnect()` does to stream tokens: the present moment of the database, in microseconds. */
  disconnect(recipient: Recipient, at = 1_700_000_000_123_456): void {
    this.validFrom.set(key(recipient), at);
  }

  private async answer<T>(method: string, recipient: Recipient, argument: unknown, answer: T): Promise<T> {
    this.record(method, recipient, argument);
    return answer;
  }

  private record(method: string, recipient: Recipient, argument: unknown): void {
    this.calls.push({ method, recipient, argument });
    if (this.failure) throw this.failure;
  }

  private change(): ChangeResult {
    return { lastId: 41, unread: 2, revision: 18, found: this.found };
  }
}

function key(recipient: Recipient): string {
  return JSON.stringify(typeof recipient === 'string' ? ['', recipient] : [recipient.tenant ?? '', recipient.id]);
}
