import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit';
import type { Deal, Reminder } from '../crm.types.js';
import { icons } from '../ui/icons.js';
import { SessionElement } from '../ui/session-element.js';
import { reasonOf } from '../words/reason.js';

const SECOND_MS = 1_000;
const YEAR_MS = 365 * 24 * 3_600_000;
const HOUR_MS = 3_600_000;
/** The longest that a timer can wait for. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The reminders of a deal that are ahead, and a way to set one. */
export class FollowUp extends SessionElement {
  static override readonly properties: PropertyDeclarations = {
    deal: { attribute: false },
    reminders: { state: true },
    isChoosing: { state: true },
    problem: { state: true },
  };

  declare deal: Deal;
  declare private reminders: Reminder[];
  declare private isChoosing: boolean;
  declare private problem: string;
  private due: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    super();
    this.reminders = [];
    this.isChoosing = false;
    this.problem = '';
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.due);
  }

  protected override updated(changed: PropertyValues<this>): void {
    if (!changed.has('deal') || changed.get('deal')?.id === this.deal.id) return;
    this.reminders = [];
    this.isChoosing = false;
    this.problem = '';
    void this.load();
  }

  protected override render(): TemplateResult {
    const { reminder } = this.words;
    return html`<section class="panel-section" aria-labelledby="follow-up-title">
      <h3 id="follow-up-title">${reminder.title}</h3>
      <p class="soft">${reminder.hint}</p>
      <div class="presets">
        <button type="button" class="secondary" @click=${() => this.remindIn(10 * SECOND_MS)}>${reminder.inSeconds}</button>
        <button type="button" class="secondary" @click=${() => this.remindIn(HOUR_MS)}>${reminder.inAnHour}</button>
        <button type="button" class="secondary" @click=${() => this.remind(tomorrowAtNine())}>${reminder.tomorrow}</button>
        <button type="button" class="secondary" aria-expanded=${this.isChoosing} @click=${this.choose}>${reminder.choose}</button>
      </div>
      ${this.isChoosing ? this.form() : nothing}
      ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
      <div role="status"><ul class="reminders">
        ${this.reminders.map(
          ({ at, note }) =>
            html`<li>${icons.clock}<span>${reminder.ahead(this.moment(at))}${note ? html`<small>${note}</small>` : nothing}</span></li>`,
        )}
      </ul></div>
    </section>`;
  }

  private form(): TemplateResult {
    const { reminder } = this.words;
    return html`<form class="stack" @submit=${this.onSubmit}>
      <label>${reminder.at}
        <input name="at" type="datetime-local" required min=${localTime(new Date())} max=${localTime(new Date(Date.now() + YEAR_MS))} .value=${localTime(tomorrowAtNine())}>
      </label>
      <label>${reminder.note}<input name="note" maxlength="500" autocomplete="off"></label>
      <div class="form-actions"><button type="submit">${reminder.set}</button></div>
    </form>`;
  }

  private async choose(): Promise<void> {
    this.isChoosing = !this.isChoosing;
    await this.updateComplete;
    this.querySelector('input')?.focus();
  }

  private async onSubmit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    await this.remind(new Date(String(form.get('at'))), String(form.get('note')));
    this.isChoosing = this.problem !== '';
  }

  private async remindIn(ms: number): Promise<void> {
    await this.remind(new Date(Date.now() + ms));
  }

  private async remind(at: Date, note = ''): Promise<void> {
    this.problem = '';
    try {
      await this.session.remind(this.deal.id, at, note);
      await this.load();
    } catch (error) {
      this.problem = reasonOf(error, this.words);
    }
  }

  private async load(): Promise<void> {
    const { id } = this.deal;
    clearTimeout(this.due);
    await this.session.attempt(async () => {
      const reminders = await this.session.remindersOf(id);
      if (this.deal.id !== id || !this.isConnected) return;
      this.reminders = reminders;
      // The next one disappears when it is due.
      const [next] = reminders;
      const wait = next && Math.max(SECOND_MS, Date.parse(next.at) - Date.now());
      if (wait && wait < MAX_TIMER_MS) this.due = setTimeout(() => void this.load(), wait);
    });
  }
}

function tomorrowAtNine(): Date {
  const day = new Date();
  day.setDate(day.getDate() + 1);
  day.setHours(9, 0, 0, 0);
  return day;
}

/** As `datetime-local` has it: without an offset, to the minute. */
function localTime(at: Date): string {
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}
