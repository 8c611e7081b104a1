import { html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { SessionElement } from '../ui/session-element.js';
import { reasonOf } from '../words/reason.js';

/** Asks what everybody should know. */
export class Announcement extends SessionElement {
  static override readonly properties: PropertyDeclarations = { problem: { state: true } };

  declare private problem: string;

  constructor() {
    super();
    this.problem = '';
  }

  open(): void {
    this.querySelector('dialog')?.showModal();
  }

  protected override render(): TemplateResult {
    const { announcement, app } = this.words;
    return html`<dialog aria-labelledby="announcement-title" @click=${this.onClick}>
      <form class="stack" @submit=${this.onSubmit}>
        <div>
          <h2 id="announcement-title">${announcement.title}</h2>
          <p class="soft">${announcement.hint}</p>
        </div>
        <label>${announcement.text}
          <input name="title" required maxlength="300" autocomplete="off" autofocus placeholder=${announcement.example}>
        </label>
        ${this.problem ? html`<p class="problem" role="alert">${this.problem}</p>` : nothing}
        <div class="dialog-actions">
          <button type="button" class="quiet" @click=${this.close}>${app.cancel}</button>
          <button type="submit">${announcement.send}</button>
        </div>
      </form>
    </dialog>`;
  }

  /** Outside of the form: on the backdrop. */
  private onClick({ target, currentTarget }: Event): void {
    if (target === currentTarget) this.close();
  }

  private close(): void {
    this.querySelector('dialog')?.close();
  }

  private async onSubmit(event: SubmitEvent): Promise<void> {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const title = String(new FormData(form).get('title')).trim();
    if (!title) return;
    const send = form.querySelector<HTMLButtonElement>('[type=submit]') as HTMLButtonElement;
    send.disabled = true;
    this.problem = '';
    try {
      await this.session.announce(title);
      form.reset();
      this.close();
    } catch (error) {
      this.problem = reasonOf(error, this.words);
    } finally {
      send.disabled = false;
    }
  }
}
