import { type CSSResult, css, unsafeCSS } from 'lit';

const LIGHT_AND_DARK = [
  ['accent', '#2f5fe0', '#86a8ff'],
  ['badge', '#cf2338', '#d93249'],
  ['surface', '#fff', '#1b1c20'],
  ['hover', '#f4f5f7', '#26282e'],
  ['border', '#e3e5e9', '#34363d'],
  ['text', '#16181d', '#eceef2'],
  ['muted', '#5b6270', '#a2a8b5'],
  ['shadow', 'rgb(15 20 30 / 0.14)', 'rgb(0 0 0 / 0.5)'],
];

/** What begins with `--_` is private. */
function colours(of: (light: string, dark: string) => string): CSSResult {
  return unsafeCSS(
    LIGHT_AND_DARK.map(
      ([name, light = '', dark = '']) => `--_${name}: var(--notification-bell-${name}, ${of(light, dark)});`,
    ).join(''),
  );
}

/** The colours of both schemes, and the bell. */
export const bellStyles = css`
  :host {
    ${colours((light) => light)}

    display: inline-block;
    position: relative;
    vertical-align: middle;
  }

  @supports (color: light-dark(#000, #fff)) {
    :host {
      ${colours((light, dark) => `light-dark(${light}, ${dark})`)}
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
    color: #fff;
    font: 600 0.6875rem / 1 system-ui, sans-serif;
    font-variant-numeric: tabular-nums;
    letter-spacing: 0;
    pointer-events: none;
  }

  @media (forced-colors: active) {
    .badge {
      forced-color-adjust: none;
      background: Highlight;
      color: HighlightText;
    }
  }
`;
