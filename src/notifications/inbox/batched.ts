import { currentContext } from '../own-context.js';
import { pause } from '../pause.js';

/**
 * Joins questions: what is asked while an answer is under way makes up the next question, of up to `most`. Where several
 * ask at once, that begins `gatherMs` after the one before.
 */
export class Batched<Question, Answer> {
  private waiting: { question: Question; resolve(answer: Answer): void; reject(error: unknown): void }[] = [];
  private asking = false;
  private readonly inOwnContext = currentContext();

  /** @param answer one answer to each question, in their order; if it rejects, all of them have no answer. */
  constructor(
    private readonly most: number,
    private readonly gatherMs: number,
    private readonly answer: (questions: Question[]) => Promise<Answer[]>,
  ) {}

  ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ question, resolve, reject });
      if (!this.asking) void this.inOwnContext(() => this.run());
    });
  }

  private async run(): Promise<void> {
    this.asking = true;
    // What is asked in this turn goes together.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, this.most);
      const began = performance.now();
      try {
        const answers = await this.answer(batch.map(({ question }) => question));
        for (const [index, { resolve }] of batch.entries()) resolve(answers[index] as Answer);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
      const isGathering = this.waiting.length > 0 && this.waiting.length < this.most;
      if (isGathering) await pause(began + this.gatherMs - performance.now());
    }
    this.asking = false;
  }
}
