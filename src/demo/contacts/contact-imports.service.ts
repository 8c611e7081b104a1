import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type BeforeApplicationShutdown,
  ConflictException,
  Injectable,
  ServiceUnavailableException,
} from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NotificationService } from '../../notifications/index.js';
import { People } from '../people/people.service.js';
import { Contact } from './contact.entity.js';
import type { NewContact } from './contact-list.js';
import { IMPORT_TEXTS } from './import.texts.js';

const BATCH = 50;
/** What a real CRM needs to look each contact up elsewhere; without it nobody could watch. */
const LOOK_UP_MS = 25;
/** Each holds a connection of the pool until its end. */
const MAX_IMPORTS = 4;

/** Imports contacts in the background: who started it watches by signals, and is notified at the end. */
@Injectable()
export class ContactImports implements BeforeApplicationShutdown {
  /** Those under way, by the user who started them. */
  private readonly running = new Map<string, Promise<void>>();
  private readonly ending = new AbortController();

  constructor(
    private readonly dataSource: DataSource,
    private readonly notifications: NotificationService,
    private readonly people: People,
  ) {}

  /** @returns the id of the import, which goes on. */
  start(contacts: NewContact[], user: string): { importId: string; total: number } {
    if (this.running.has(user)) throw new ConflictException('Your last import is not finished yet.');
    if (this.running.size >= MAX_IMPORTS || this.ending.signal.aborted) {
      throw new ServiceUnavailableException('Too much is going on for one more import. Try again in a moment.');
    }
    const importId = randomUUID();
    const work = this.run(importId, contacts, user).finally(() => this.running.delete(user));
    this.running.set(user, work);
    return { importId, total: contacts.length };
  }

  /** A deploy waits for nobody: what is half done is undone, and its user is told. */
  async beforeApplicationShutdown(): Promise<void> {
    this.ending.abort();
    await Promise.all(this.running.values());
  }

  private async run(importId: string, contacts: NewContact[], user: string): Promise<void> {
    try {
      await this.insert(importId, contacts, user);
    } catch (error) {
      await this.tellFailure(importId, user, error as Error);
    }
  }

  /** All of them or none, in one transaction; and the notification says so if, and only if, that commits. */
  private async insert(importId: string, contacts: NewContact[], user: string): Promise<void> {
    const total = contacts.length;
    await this.dataSource.transaction(async (manager) => {
      for (let done = 0; done < total; done += BATCH) {
        // A signal is for now: it leaves before the transaction ends, and nobody misses it who isn't there.
        this.notifications.signal(user, 'import.progress', { importId, done, total });
        await sleep(LOOK_UP_MS, undefined, { signal: this.ending.signal });
        await manager.insert(Contact, contacts.slice(done, done + BATCH));
      }
      const [{ language }] = await this.people.readers([user], manager);
      await this.notifications.notify(
        user,
        {
          type: 'import.finished',
          ...IMPORT_TEXTS[language].finished(total),
          url: '/#contacts',
          data: { importId, contacts: total },
        },
        { manager },
      );
    });
    this.notifications.signal(user, 'import.progress', { importId, done: total, total });
  }

  private async tellFailure(importId: string, user: string, error: Error): Promise<void> {
    try {
      const [{ language }] = await this.people.readers([user]);
      const texts = IMPORT_TEXTS[language];
      const { title, body } = texts.failed(error.name === 'AbortError' ? texts.restarting : error.message);
      await this.notifications.notify(user, {
        type: 'import.failed',
        title,
        body: body.slice(0, 1_000),
        url: '/#contacts',
        data: { importId },
      });
    } catch (cause) {
      console.error(`The import ${importId} of ${user} failed, and so did the notification of it:`, error, cause);
    }
  }
}
