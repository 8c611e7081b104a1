import { html, type TemplateResult } from 'lit';

/** One path in a square of 24. */
function icon(path: string): TemplateResult {
  return html`<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round"
    stroke-linejoin="round" aria-hidden="true"><path d=${path} /></svg>`;
}

export const bellIcon = icon('M6 9.5a6 6 0 0 1 12 0c0 5.6 2.25 7 2.25 7H3.75S6 15.1 6 9.5M10.2 20a2.1 2.1 0 0 0 3.6 0');
export const checkIcon = icon('m5 12.5 4.5 4.5L19 7.5');
export const unreadIcon = icon('M7 12a5 5 0 0 0 10 0 5 5 0 0 0-10 0');
export const checkAllIcon = icon('m2.5 12.5 4.5 4.5 9.5-9.5m-4 9.5.5.5 9-9.5');
export const removeIcon = icon(
  'M4.5 6.5h15m-10 0v-2h5v2m-8 0 .8 12a1.5 1.5 0 0 0 1.5 1.4h6.4a1.5 1.5 0 0 0 1.5-1.4l.8-12m-7 4V16m3.5-5.5V16',
);
export const closeIcon = icon('m6.5 6.5 11 11m0-11-11 11');
export const arrowUpIcon = icon('M12 19V5.5M6.5 11 12 5.5l5.5 5.5');
export const caughtUpIcon = icon(
  'M3.5 13.5h4.2l1.5 2.5h5.6l1.5-2.5h4.2m-14-8h11l3 8v4a1.5 1.5 0 0 1-1.5 1.5H5a1.5 1.5 0 0 1-1.5-1.5v-4z',
);
export const failedIcon = icon('M3.5 12a8.5 8.5 0 0 0 17 0 8.5 8.5 0 0 0-17 0M12 7.75v5m0 3.35v.1');
export const signedOutIcon = icon('M5 10.5h14V20H5zm3.25 0V8a3.75 3.75 0 0 1 7.5 0v2.5');
