import { css } from 'lit';

/** What stands in place of the list. */
export const blankStyles = css`
  .blank {
    display: grid;
    justify-items: center;
    padding: 3em 2em 3.25em;
    color: var(--_muted);
    text-align: center;
    text-wrap: balance;
  }

  .blank-icon {
    display: grid;
    place-items: center;
    inline-size: 3em;
    block-size: 3em;
    margin-block-end: 0.75em;
    border-radius: 50%;
    background: var(--_hover);
  }

  .blank-heading {
    color: var(--_text);
    font-weight: 600;
  }

  .blank .outline-button {
    margin-block-start: 1em;
    padding-inline: 1em;
  }

  .skeleton > div {
    display: grid;
    gap: 0.6em;
    padding-block: 1em;
    padding-inline: 2.2857em 1.1429em;
  }

  .skeleton i {
    block-size: 0.7em;
    border-radius: 1em;
    background: var(--_hover);
  }

  .skeleton i:nth-child(1) {
    inline-size: 70%;
  }

  .skeleton i:nth-child(3) {
    inline-size: 25%;
  }

  @media (forced-colors: active) {
    .skeleton i {
      background: GrayText;
    }
  }
`;
