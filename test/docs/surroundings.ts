/** What a page uses without showing it, because it is the reader's own. */
export interface Surroundings {
  /** The names that a block gets unless it declares them itself: the exports of a module beside the page. */
  readonly module: string;
  /** Modules that the page imports and that are not installed here, with as much of them as it uses. */
  readonly modules?: string;
  /** Around a block that is a fragment and begins with this text. */
  readonly frames?: readonly { readonly begins: string; readonly before: string; readonly after: string }[];
}

export const SURROUNDINGS: Readonly<Record<string, Surroundings>> = {
  'README.md': {
    module: `
      import type { InboxNotification, InboxStatus } from 'nestjs-crm-notifications/client';
      import type { NotificationService } from 'nestjs-crm-notifications';
      import type { DataSource } from 'typeorm';

      export { Module } from '@nestjs/common';
      export { TypeOrmModule } from '@nestjs/typeorm';
      export { NotificationsModule } from 'nestjs-crm-notifications';
      export declare class Deal { id: string; name: string; ownerId: string }
      export declare abstract class DealService {
        readonly dataSource: DataSource;
        readonly notifications: NotificationService;
      }
      export declare const deal: Deal;
      export declare const ownerId: string;
      export declare const session: { userId: string; accessToken: string };
      export declare function render(items: readonly InboxNotification[], unread: number, status: InboxStatus): void;
      export declare function showToast(text: string): void;`,
    frames: [
      {
        begins: 'await this.dataSource.transaction(',
        before: 'class Deals extends DealService { async assign() {',
        after: '} }',
      },
    ],
  },

  'docs/client.md': {
    module: `
      import type { Inbox } from 'nestjs-crm-notifications/client';
      import type { NotificationBell } from 'nestjs-crm-notifications/element';

      export { createInbox } from 'nestjs-crm-notifications/client';
      export declare const inbox: Inbox;
      export declare const session: {
        userId: string; tenant: string; accessToken: string; expiresAt: number; renew(): Promise<void>;
      };
      export declare const bell: NotificationBell;
      export declare const router: { push(path: string): void };
      export declare const id: number;
      export declare const badge: HTMLElement;
      export declare const banner: HTMLElement;
      export declare function csrfToken(): string;
      export declare const list: HTMLElement;
      export declare const vue: typeof import('@vitejs/plugin-vue').default;
      export declare function showBadge(unread: number): void;
      export declare function showToast(text: string): void;
      export declare function showProgress(progress: { done: number; total: number }): void;
      export declare function highlightDeal(dealId: string): void;`,
    modules: `
      declare module '@angular/core' {
        interface Signal<T> { (): T }
        interface WritableSignal<T> extends Signal<T> { set(value: T): void; asReadonly(): Signal<T> }
        abstract class DestroyRef { abstract onDestroy(callback: () => void): () => void }
        function Injectable(options?: { providedIn?: 'root' }): ClassDecorator;
        function inject<T>(token: abstract new () => T): T;
        function signal<T>(initialValue: T): WritableSignal<T>;
      }
      declare module 'svelte' {
        function onDestroy(callback: () => void): void;
      }
      // The reader's own file, beside the component.
      declare module '*/session' {
        const session: { userId: string; accessToken: string };
      }`,
  },

  'docs/in-your-application.md': {
    module: `
      import type { INestApplication } from '@nestjs/common';
      import type { JwtOptions, Notification, NotificationService } from 'nestjs-crm-notifications';
      import type { EntityManager } from 'typeorm';

      export { Req, Res, Sse, type MessageEvent } from '@nestjs/common';
      export {
        NotificationsDataSource, NotificationsModule, ParkedNotifications, runNotificationsMigrations,
      } from 'nestjs-crm-notifications';
      export type { Observable } from 'rxjs';
      export type Request = import('express').Request & { user: { id: string } };
      export type { Response } from 'express';
      export declare class ConfigService { getOrThrow(key: string): string }
      export declare abstract class InboxController { readonly notifications: NotificationService }
      export declare const app: INestApplication;
      export declare const notifications: NotificationService;
      export declare const manager: EntityManager;
      export declare const jwt: JwtOptions;
      export declare const notification: Notification;
      export declare const reminder: Notification;
      export declare const quote: { id: string };
      export declare const tomorrow: Date;
      export declare const nextWeek: Date;
      export declare const importId: string;
      export declare const done: number;
      export declare const total: number;
      export declare const dealId: string;
      export declare const user: { id: string; name: string };

      declare module 'nestjs-crm-notifications' {
        interface NotificationTypes { announcement: object }
      }`,
    frames: [{ begins: "@Sse('my-stream')", before: 'class MyController extends InboxController {', after: '}' }],
  },

  'docs/operations.md': {
    module: `
      export { Controller, Get } from '@nestjs/common';
      export { TypeOrmModule } from '@nestjs/typeorm';
      export { NotificationsModule } from 'nestjs-crm-notifications';
      export { DataSource } from 'typeorm';`,
    frames: [{ begins: 'TypeOrmModule.forRoot(', before: 'const imports = [', after: ']' }],
  },
};
