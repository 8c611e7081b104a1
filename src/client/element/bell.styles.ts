import { css } from 'lit';

/** The colours of both schemes, and the bell. What begins with `--_` is nobody else's business. */
export const bellStyles = css`
  :host {
    --_accent: var(--notification-bell-accent, #2f5fe0);
    --_badge: var(--notification-bell-badge, #cf2338);
    --_surface: var(--notification-bell-surface, #fff);
    --_hover: var(--notification-bell-hover, #f4f5f7);
    --_border: var(--notification-bell-border, #e3e5e9);
    --_text: var(--notification-bell-text, #16181d);
    --_muted: var(--notification-bell-muted, #5b6270);
    --_shadow: rgb(15 20 30 / 0.14);
    --_badge-text: #fff;

    display: inline-block;
    position: relative;
    vertical-align: middle;
  }

  @supports (color: light-dark(#000, #fff)) {
    :host {
      --_accent: var(--notification-bell-accent, light-dark(#2f5fe0, #86a8ff));
      --_badge: var(--notification-bell-badge, light-dark(#cf2338, #d93249));
      --_surface: var(--notification-bell-surface, light-dark(#fff, #1b1c20));
      --_hover: var(--notification-bell-hover, light-dark(#f4f5f7, #26282e));
      --_border: var(--notification-bell-border, light-dark(#e3e5e9, #34363d));
      --_text: var(--notification-bell-text, light-dark(#16181d, #eceef2));
      --_muted: var(--notification-bell-muted, light-dark(#5b6270, #a2a8b5));
      --_shadow: light-dark(rgb(15 20 30 / 0.14), rgb(0 0 0 / 0.5));
    }
  }

  :host([hidden]) {
    display: none;
  }

  :host([theme='light']) {
    color-scheme: light;
  }

  :host([theme='dark']) {
    color-scheme: dark;
  }

  *,
  ::before,
  ::after {
    box-sizing: border-box;
  }

  svg {
    display: block;
    inline-size: 1.25em;
    block-size: 1.25em;
    flex: none;
  }

  button {
    margin: 0;
    padding: 0;
    border: 0;
    background: none;
    color: inherit;
    font: inherit;
    letter-spacing: inherit;
    text-align: start;
    cursor: pointer;
    touch-action: manipulation;
    -webkit-tap-highlight-color: transparent;
  }

  :focus-visible {
    outline: 2px solid var(--_accent);
    outline-offset: 1px;
  }

  .visually-hidden {
    position: absolute;
    inline-size: 1px;
    block-size: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }

  #bell {
    display: grid;
    place-items: center;
    inline-size: var(--notification-bell-size, 2.25rem);
    block-size: var(--notification-bell-size, 2.25rem);
    border-radius: 0.5rem;
    font-size: calc(var(--notification-bell-size, 2.25rem) * 4 / 9);
  }

  #bell:hover,
  :host([opened]) #bell {
    background: color-mix(in srgb, currentColor 9%, transparent);
  }

  #bell:focus-visible {
    outline-color: currentColor;
  }

  .badge {
    position: absolute;
    inset-block-start: -0.0625rem;
    inset-inline-start: 54%;
    display: grid;
    place-items: center;
    min-inline-size: 1.125rem;
    block-size: 1.125rem;
    padding-inline: 0.3125rem;
    border-radius: 1rem;
    background: var(--_badge);
    color: var(--_badge-text);
    font: 600 0.6875rem / 1 system-ui, sans-serif;
    font-variant-numeric: tabular-nums;
    letter-spacing: 0;
    pointer-events: none;
  }

  @media (forced-colors: active) {
    .badge {
      background: Highlight;
      color: HighlightText;
    }
  }
`;
