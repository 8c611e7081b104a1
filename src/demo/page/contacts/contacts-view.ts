import { html, nothing, type TemplateResult } from 'lit';
import { icons } from '../ui/icons.js';
import { SessionElement } from '../ui/session-element.js';

/** The contacts, and the import that fills them. */
export class ContactsView extends SessionElement {
  protected override render(): TemplateResult {
    const { session, words } = this;
    const { total, items } = session.contacts.value;
    return html`
      <div class="view-head"><h1>${words.app.contacts}</h1><span class="soft">${words.contacts.total(this.count(total))}</span></div>
      <div class="narrow">
        ${this.import()}
        <div class="table-frame" tabindex="0" role="region" aria-label=${words.contacts.newest}>
          <table>
            <thead><tr>
              <th scope="col">${words.contacts.name}</th>
              <th scope="col">${words.contacts.company}</th>
              <th scope="col">${words.contacts.email}</th>
            </tr></thead>
            <tbody>${items.map(
              ({ name, company, email }) =>
                html`<tr><td>${name}</td><td>${company}</td><td class="soft">${email}</td></tr>`,
            )}</tbody>
          </table>
        </div>
      </div>`;
  }

  private import(): TemplateResult {
    const { words } = this;
    const { contactImport } = this.session;
    const { progress } = contactImport;
    const isBusy = contactImport.isStarting || progress !== null;
    return html`<section class="tile" aria-labelledby="import-title">
      <h2 id="import-title">${words.contacts.importTitle}</h2>
      <p class="soft">${words.contacts.importHint}</p>
      <div class="form-actions">
        <button type="button" ?disabled=${isBusy}
          @click=${() => this.session.attemptAnew(() => contactImport.startSample())}>${words.contacts.sample}</button>
        <label class="file-button" ?data-disabled=${isBusy}>${icons.upload}${words.contacts.file}
          <input type="file" class="visually-hidden" accept=".csv,text/csv" ?disabled=${isBusy} @change=${this.onFile}>
        </label>
      </div>
      ${
        progress
          ? html`<div class="import-progress">
              <progress aria-label=${words.contacts.progress} max=${progress.total} .value=${progress.done}></progress>
              <span class="soft">${words.contacts.done(this.count(progress.done), this.count(progress.total))}</span>
            </div>`
          : nothing
      }
    </section>`;
  }

  private async onFile(event: Event): Promise<void> {
    const input = event.currentTarget as HTMLInputElement;
    const [file] = input.files ?? [];
    if (file) await this.session.attemptAnew(() => this.session.contactImport.startFile(file));
    // The same file again is a change, too.
    input.value = '';
  }
}
