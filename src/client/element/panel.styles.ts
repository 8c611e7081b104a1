import { css } from 'lit';

/**
 * Not commented inside, because comments in a template go to the browser: `unicode-bidi` is for words of one direction in a
 * page of the other, and `.status` is over the list, so that nothing moves when it comes and goes.
 */
export const panelStyles = css`
  #panel {
    display: none;
    position: fixed;
    z-index: 2147483647;
    inset: auto;
    inline-size: var(--notification-bell-width, 25rem);
    max-inline-size: calc(100% - 16px);
    max-block-size: min(var(--notification-bell-height, 36rem), var(--_room, 36rem));
    margin: 0;
    padding: 0;
    border: 1px solid var(--_border);
    border-radius: var(--notification-bell-radius, 0.75rem);
    background: var(--_surface);
    color: var(--_text);
    box-shadow: 0 1px 2px var(--_shadow), 0 12px 32px -4px var(--_shadow);
    font-size: var(--notification-bell-font-size, 0.875rem);
    font-weight: 400;
    line-height: 1.43;
    text-align: start;
    text-transform: none;
    white-space: normal;
    cursor: auto;
    overflow: hidden;
  }

  #panel.opened {
    display: flex;
    flex-direction: column;
  }

  #panel:focus-visible {
    outline-offset: -2px;
  }

  h2,
  p,
  ul {
    margin: 0;
    padding: 0;
    font: inherit;
    list-style: none;
  }

  h2,
  p,
  time,
  .text-button,
  .outline-button,
  .pill {
    unicode-bidi: plaintext;
  }

  .header,
  .notice,
  .banner {
    display: flex;
    align-items: center;
    gap: 0.25em;
    padding-block: 0.5em;
    padding-inline: 1.1429em 0.5714em;
    border: 0 solid var(--_border);
    border-block-end-width: 1px;
  }

  .header > .text-button {
    margin-inline-start: auto;
  }

  h2 {
    margin-inline-end: 0.4em;
    font-size: 1.0714em;
    font-weight: 600;
    line-height: 1.3333;
  }

  .status,
  .pill {
    position: absolute;
    inset-inline: 0;
    display: flex;
    align-items: center;
    gap: 0.5em;
    inline-size: fit-content;
    max-inline-size: calc(100% - 16px);
    margin-inline: auto;
    padding: 0.3em 0.85em;
    border-radius: 2em;
    box-shadow: 0 2px 8px var(--_shadow);
  }

  .status {
    inset-block-end: 0.625em;
    border: 1px solid var(--_border);
    background: var(--_surface);
    color: var(--_muted);
    font-size: 0.8571em;
    pointer-events: none;
  }

  .status::before {
    content: '';
    inline-size: 0.5em;
    block-size: 0.5em;
    border-radius: 50%;
    background: #d98a14;
    forced-color-adjust: none;
  }

  .text-button,
  .outline-button {
    display: inline-flex;
    align-items: center;
    gap: 0.35em;
    min-block-size: 2.1538em;
    padding: 0.2em 0.6154em;
    border-radius: 0.375rem;
    color: var(--_muted);
    font-size: 0.9286em;
    font-weight: 500;
  }

  .outline-button {
    border: 1px solid var(--_border);
    color: var(--_text);
  }

  .icon-button {
    display: grid;
    place-items: center;
    flex: none;
    inline-size: 2em;
    block-size: 2em;
    min-inline-size: 24px;
    min-block-size: 24px;
    border-radius: 0.375rem;
    color: var(--_muted);
  }

  .text-button:hover,
  .outline-button:hover,
  .icon-button:hover {
    background: var(--_hover);
    color: var(--_text);
  }

  [aria-disabled='true'],
  [aria-disabled='true']:hover {
    background: none;
    color: var(--_muted);
    opacity: 0.55;
    cursor: default;
  }

  .body {
    position: relative;
    display: flex;
    min-block-size: 0;
  }

  #scroller {
    flex: 1;
    min-inline-size: 0;
    overflow-y: auto;
    overscroll-behavior: contain;
    overflow-anchor: none;
    scrollbar-width: thin;
  }

  .pill {
    z-index: 1;
    inset-block-start: 0.5rem;
    gap: 0.25em;
    background: var(--_accent);
    color: var(--_surface);
    font-size: 0.9286em;
    font-weight: 600;
  }

  .pill:focus-visible {
    outline-color: var(--_text);
  }

  #end {
    display: grid;
    justify-items: center;
    gap: 0.25em;
    padding: 0.5em;
    border-block-start: 1px solid var(--_border);
    color: var(--_muted);
  }

  .notice,
  .banner {
    gap: 0.6em;
    font-size: 0.9286em;
  }

  .notice {
    border-block-width: 1px 0;
  }

  .banner {
    background: var(--_hover);
  }

  .notice > span,
  .banner > span {
    flex: 1;
  }

  .notice > svg {
    color: var(--_badge);
  }

  @media (prefers-reduced-motion: no-preference) {
    .status::before,
    .skeleton {
      animation: breathe 1.6s ease-in-out infinite alternate;
    }
  }

  @keyframes breathe {
    to {
      opacity: 0.4;
    }
  }

  @media (forced-colors: active) {
    .pill,
    .outline-button {
      border: 1px solid ButtonText;
    }

    [aria-disabled='true'] {
      color: GrayText;
      opacity: 1;
    }
  }
`;
