import { css } from 'lit';

export const rowStyles = css`
  .row {
    position: relative;
    contain: layout style;
  }

  .row + .row {
    border-block-start: 1px solid var(--_border);
  }

  .open {
    position: relative;
    display: block;
    inline-size: 100%;
    padding-block: 0.7857em 0.3571em;
    padding-inline: 2.2857em 1.1429em;
    color: inherit;
    text-decoration: none;
    cursor: pointer;
    overflow-wrap: anywhere;
    -webkit-tap-highlight-color: transparent;
  }

  .row:hover {
    background: var(--_hover);
  }

  .open:focus-visible {
    outline-offset: -2px;
    border-radius: 0.375rem;
  }

  .dot {
    position: absolute;
    inset-block-start: 1.2857em;
    inset-inline-start: 1em;
    inline-size: 0.5rem;
    block-size: 0.5rem;
    border-radius: 50%;
    background: var(--_accent);
  }

  .title,
  .text {
    display: -webkit-box;
    -webkit-box-orient: vertical;
    -webkit-line-clamp: 3;
    overflow: hidden;
  }

  .unread .title {
    font-weight: 600;
  }

  .text {
    margin-block-start: 0.1em;
    color: var(--_muted);
    font-size: 0.9286em;
    white-space: pre-line;
  }

  .expanded :is(.title, .text) {
    display: block;
  }

  .meta {
    display: flex;
    align-items: center;
    min-block-size: 2.3333em;
    padding-inline-end: 5.5em;
    color: var(--_muted);
    font-size: 0.8571em;
  }

  .actions {
    position: absolute;
    inset-block-end: 0.3571em;
    inset-inline-end: 0.5714em;
    display: flex;
    gap: 0.125em;
  }

  .actions .icon-button:hover {
    background: color-mix(in srgb, currentColor 10%, transparent);
  }

  @media (hover: hover) {
    .actions {
      opacity: 0;
    }

    .row:hover .actions,
    .actions:focus-within {
      opacity: 1;
    }

    .row:has(:focus-visible) .actions {
      opacity: 1;
    }
  }

  @media (forced-colors: active) {
    .dot {
      background: Highlight;
    }
  }
`;
