import { html, type TemplateResult } from 'lit';
import { SessionElement } from '../ui/session-element.js';

/** Asks what everybody should know. */
export class Announcement extends SessionElement {
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
    await this.session.attempt(() => this.session.announce(title));
    form.reset();
    this.close();
  }
}
