import { html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from 'lit';
import { icons } from './icons.js';

export interface MenuItem {
  label: string;
  icon?: TemplateResult;
  isChosen?: boolean;
  run(): void;
}

export interface MenuGroup {
  title?: string;
  items: MenuItem[];
}

const MARGIN = 8;

/**
 * A button that opens a menu. In the top layer: no column that scrolls cuts it off.
 * https://www.w3.org/WAI/ARIA/apg/patterns/menu-button/
 */
export class Menu extends LitElement {
  static override readonly properties: PropertyDeclarations = {
    label: {},
    groups: { attribute: false },
    face: { attribute: false },
    look: {},
    isOpen: { state: true },
  };

  /** The accessible name of the button. */
  declare label: string;
  declare groups: MenuGroup[];
  /** What the button shows. */
  declare face: TemplateResult;
  /** The class of the button. */
  declare look: string;
  declare private isOpen: boolean;

  constructor() {
    super();
    this.groups = [];
    this.look = 'icon-button';
    this.isOpen = false;
  }

  /** Also one that is so new that its button is still to come. */
  override async focus(): Promise<void> {
    await this.updateComplete;
    this.querySelector('button')?.focus();
  }

  protected override createRenderRoot(): this {
    return this;
  }

  protected override render(): TemplateResult {
    return html`
      <button type="button" class=${this.look} aria-label=${this.label} title=${this.label} aria-haspopup="menu"
        aria-expanded=${this.isOpen} @keydown=${this.onButtonKey}>${this.face}</button>
      <div class="menu" popover="auto" role="menu" aria-label=${this.label} @beforetoggle=${this.onToggle}
        @toggle=${this.onToggled} @keydown=${this.onMenuKey}>
        ${this.isOpen ? this.groups.map((group) => this.group(group)) : nothing}
      </div>`;
  }

  protected override firstUpdated(): void {
    // Not by click and showPopover(): the click that closes it from outside would open it again.
    (this.querySelector('button') as HTMLButtonElement).popoverTargetElement = this.popup;
  }

  private group({ title, items }: MenuGroup): TemplateResult {
    return html`<div role="group" aria-label=${title ?? nothing}>
      ${title ? html`<div class="menu-title" aria-hidden="true">${title}</div>` : nothing}
      ${items.map(
        (item) => html`<button type="button" role=${item.isChosen === undefined ? 'menuitem' : 'menuitemradio'}
          aria-checked=${item.isChosen ?? nothing} tabindex="-1" @click=${() => this.choose(item)}>
          ${item.icon ?? nothing}<span>${item.label}</span>${item.isChosen ? icons.check : nothing}
        </button>`,
      )}
    </div>`;
  }

  private get popup(): HTMLElement {
    return this.querySelector('.menu') as HTMLElement;
  }

  private get entries(): HTMLElement[] {
    return [...this.popup.querySelectorAll<HTMLElement>('[role^=menuitem]')];
  }

  private choose(item: MenuItem): void {
    this.popup.hidePopover();
    item.run();
  }

  /** Below the button, or above it, and always within the window. */
  private place(): void {
    const button = (this.querySelector('button') as HTMLElement).getBoundingClientRect();
    const { style, offsetWidth: width, offsetHeight: height } = this.popup;
    const isBelow = button.bottom + height + MARGIN <= innerHeight || button.top < height;
    const top = isBelow ? button.bottom + 4 : button.top - height - 4;
    style.top = `${Math.max(MARGIN, Math.min(top, innerHeight - height - MARGIN))}px`;
    style.left = `${Math.max(MARGIN, Math.min(button.right - width, innerWidth - width - MARGIN))}px`;
  }

  private readonly onToggle = (event: Event): void => {
    if ((event as ToggleEvent).newState === 'open') this.isOpen = true;
  };

  private readonly onToggled = async (event: Event): Promise<void> => {
    // Not before it is closed: while one of its items has the focus the browser gives that back to the button.
    this.isOpen = (event as ToggleEvent).newState === 'open';
    await this.updateComplete;
    if (!this.isOpen) return;
    this.place();
    const chosen = this.popup.querySelector<HTMLElement>('[aria-checked=true]');
    (chosen ?? this.entries[0])?.focus();
  };

  private readonly onButtonKey = (event: KeyboardEvent): void => {
    if (event.key !== 'ArrowDown' || this.isOpen) return;
    event.preventDefault();
    this.popup.showPopover();
  };

  private readonly onMenuKey = (event: KeyboardEvent): void => {
    const { entries } = this;
    const at = entries.indexOf(document.activeElement as HTMLElement);
    const to: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 };
    const index = to[event.key];
    if (event.key === 'Tab') this.popup.hidePopover();
    if (index === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    entries.at(index % entries.length)?.focus();
  };
}
