import type { Api } from './api.js';

/** Signals are best effort: without one for so long the import is taken to be over, or to have died. */
const SILENCE_MS = 15_000;

interface Progress {
  importId: string;
  done: number;
  total: number;
}

/** The import of contacts that is under way, if any. */
export class ContactImport {
  progress: Progress | null = null;
  /** From the click on, before the server has answered. */
  isStarting = false;
  /** The last that ended: what was said of it before may come after. */
  private endedId: string | null = null;
  private silence: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly api: Api,
    private readonly onChange: () => void,
  ) {}

  async startSample(): Promise<void> {
    await this.start(async () => await this.api.text('/contacts/sample.csv'));
  }

  async startFile(file: File): Promise<void> {
    await this.start(async () => file);
  }

  /** The signal `import.progress`: each tells all, so that it does no harm to have missed some. */
  advanced(progress: Progress): void {
    if (progress.importId === this.endedId) return;
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.forget(), SILENCE_MS);
    this.progress = progress;
    this.onChange();
  }

  /** The notification `import.finished` or `import.failed`: this one is sure to come. */
  ended(importId: string): void {
    this.endedId = importId;
    if (this.progress === null || this.progress.importId === importId) this.forget();
  }

  close(): void {
    clearTimeout(this.silence);
  }

  private async start(csv: () => Promise<string | File>): Promise<void> {
    this.isStarting = true;
    this.onChange();
    try {
      const { importId, total } = await this.api.postCsv<Omit<Progress, 'done'>>('/contacts/import', await csv());
      if (this.progress?.importId !== importId) this.advanced({ importId, done: 0, total });
    } finally {
      this.isStarting = false;
      this.onChange();
    }
  }

  private forget(): void {
    clearTimeout(this.silence);
    this.progress = null;
    this.onChange();
  }
}
