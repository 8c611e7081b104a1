import { html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { WireEntry } from '../session/wire.js';
import { icons } from '../ui/icons.js';
import { SessionElement } from '../ui/session-element.js';

/** What happens between this browser and the CRM, as it happens, and the switches to disturb it. @fires close */
export class WireDrawer extends SessionElement {
  static override readonly properties: PropertyDeclarations = { showsPings: { state: true } };

  declare private showsPings: boolean;

  constructor() {
    super();
    this.showsPings = false;
  }

  protected override firstUpdated(): void {
    this.querySelector<HTMLElement>('h2')?.focus();
  }

  protected override render(): TemplateResult {
    const { session, words } = this;
    const { wire } = session;
    const { status } = session.inbox.getState();
    const entries = wire.entries.filter(
      (entry) => this.showsPings || !('frame' in entry && entry.frame.event === 'ping'),
    );
    return html`<section class="wire" aria-labelledby="wire-title">
      <header class="wire-head">
        <h2 id="wire-title" tabindex="-1">${words.lab.title}</h2>
        <span class="chip" role="status"><span class="status-dot" data-status=${status}></span>${words.lab.status[status]}</span>
        <div class="wire-tools">
          <label class="check"><input type="checkbox" .checked=${this.showsPings} @change=${this.onPings}>${words.lab.pings}</label>
          <button type="button" class="quiet" aria-pressed=${wire.isPaused} @click=${() => wire.pause(!wire.isPaused)}>
            ${wire.isPaused ? words.lab.resume : words.lab.pause}
            ${wire.heldCount > 0 ? html`<span class="soft">(${words.lab.held(wire.heldCount)})</span>` : nothing}
          </button>
          <button type="button" class="quiet" @click=${() => wire.clear()}>${words.lab.clear}</button>
          <button type="button" class="icon-button" aria-label=${words.lab.close}
            @click=${() => this.dispatchEvent(new CustomEvent('close'))}>${icons.close}</button>
        </div>
      </header>
      <div class="wire-body">
        <div class="switches">
          ${this.switch('stream', words.lab.stream, words.lab.streamHint, session.lab.value.stream.cut)}
          ${this.switch('broker', words.lab.broker, words.lab.brokerHint, session.lab.value.broker.stopped)}
        </div>
        <div class="frames" tabindex="0" role="region" aria-label=${words.lab.frames}>
          ${entries.length === 0 ? html`<p class="soft frames-empty">${words.lab.empty}</p>` : nothing}
          <ol>${repeat(
            entries,
            ({ key }) => key,
            (entry) => this.entry(entry),
          )}</ol>
        </div>
      </div>
    </section>`;
  }

  private switch(name: 'stream' | 'broker', label: string, hint: string, isOff: boolean): TemplateResult {
    return html`<div class="switch-row">
      <button type="button" class="switch" role="switch" aria-checked=${isOff} aria-labelledby="switch-${name}"
        aria-describedby="switch-${name}-hint" @click=${() => this.session.switch(name, !isOff)}></button>
      <div>
        <strong id="switch-${name}">${label}</strong>
        <p class="soft" id="switch-${name}-hint">${hint}</p>
      </div>
    </div>`;
  }

  private entry(entry: WireEntry): TemplateResult {
    const time = new Intl.DateTimeFormat(this.language, { timeStyle: 'medium' }).format(entry.at);
    if ('status' in entry) {
      const { status } = entry;
      return html`<li class="wire-status"><time>${time}</time>
        <span><span class="status-dot" data-status=${status}></span>${this.words.lab.status[status]}</span></li>`;
    }
    if ('request' in entry) {
      return html`<li class="wire-status"><time>${time}</time><span>${icons.arrow}${entry.request}</span></li>`;
    }
    const { data, event, id } = entry.frame;
    return html`<li data-event=${event}><time>${time}</time><pre><b>event:</b> ${event}
<b>id:</b> ${id}
<b>data:</b> ${data}</pre></li>`;
  }

  private onPings({ currentTarget }: Event): void {
    this.showsPings = (currentTarget as HTMLInputElement).checked;
  }
}
