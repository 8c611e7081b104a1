import { createInterface, type Interface } from 'node:readline';
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common';
import { AnnouncementsService } from './announcements.service.js';

const MAX_TITLE = 300;

/** Every line typed where the demo runs is an announcement. */
@Injectable()
export class Terminal implements BeforeApplicationShutdown {
  private lines?: Interface;
  private reading?: Promise<void>;

  constructor(private readonly announcements: AnnouncementsService) {}

  /** Reads until the input ends, which ends nothing else. */
  start(input: NodeJS.ReadableStream = process.stdin): void {
    // Not as a terminal: that would take Ctrl-C away from the process.
    this.lines = createInterface({ input, terminal: false });
    this.reading = this.read(this.lines).catch((error: Error) => {
      console.error(`Lines from the terminal are no longer announced: ${error.message}`);
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.lines?.close();
    await this.reading;
  }

  /** One after the other: announcements arrive in the order in which they were typed. */
  private async read(lines: Interface): Promise<void> {
    for await (const line of lines) {
      const text = line.trim();
      if (text) await this.announce(text);
    }
  }

  private async announce(text: string): Promise<void> {
    const characters = [...text];
    const long = characters.length > MAX_TITLE;
    const title = long ? `${characters.slice(0, MAX_TITLE - 1).join('')}…` : text;
    try {
      await this.announcements.announce(title, { from: null, body: long ? text : undefined });
    } catch (error) {
      console.error(`This line was not announced: ${(error as Error).message}`);
    }
  }
}
