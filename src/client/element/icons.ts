import { svg, type TemplateResult } from 'lit';

function icon(paths: TemplateResult): TemplateResult {
  return svg`<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round"
    stroke-linejoin="round" aria-hidden="true" focusable="false">${paths}</svg>`;
}

export const bellIcon = icon(
  svg`<path d="M6 9.5a6 6 0 0 1 12 0c0 5.6 2.25 7 2.25 7H3.75S6 15.1 6 9.5"/><path d="M10.2 20a2.1 2.1 0 0 0 3.6 0"/>`,
);
export const checkIcon = icon(svg`<path d="m5 12.5 4.5 4.5L19 7.5"/>`);
export const unreadIcon = icon(svg`<circle cx="12" cy="12" r="5.25"/>`);
export const checkAllIcon = icon(svg`<path d="m2.5 12.5 4.5 4.5 9.5-9.5"/><path d="m12.5 16.5.5.5 9-9.5"/>`);
export const removeIcon = icon(
  svg`<path d="M4.5 6.5h15"/><path d="M9.5 6V4.5h5V6"/><path d="m6.5 6.5.8 12a1.5 1.5 0 0 0 1.5 1.4h6.4a1.5 1.5 0 0 0 1.5-1.4l.8-12"/><path d="M10.25 10.5v5.5M13.75 10.5v5.5"/>`,
);
export const closeIcon = icon(svg`<path d="M6.5 6.5l11 11M17.5 6.5l-11 11"/>`);
export const arrowUpIcon = icon(svg`<path d="M12 19V5.5"/><path d="m6.5 11 5.5-5.5 5.5 5.5"/>`);
export const caughtUpIcon = icon(
  svg`<path d="M3.5 13.5h4.2l1.5 2.5h5.6l1.5-2.5h4.2"/><path d="M6.3 5.5h11.4l2.8 8v4a1.5 1.5 0 0 1-1.5 1.5H5a1.5 1.5 0 0 1-1.5-1.5v-4z"/>`,
);
export const failedIcon = icon(svg`<circle cx="12" cy="12" r="8.5"/><path d="M12 7.75v5"/><path d="M12 16.1v.1"/>`);
export const signedOutIcon = icon(
  svg`<rect x="5" y="10.5" width="14" height="9.5" rx="2"/><path d="M8.25 10.5V8a3.75 3.75 0 0 1 7.5 0v2.5"/>`,
);
