import { html, type SVGTemplateResult, svg, type TemplateResult } from 'lit';

/** Lines on a grid of 20, in the colour of the text around them. Beside a label, or in a control that has one. */
function icon(drawing: SVGTemplateResult): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 20 20" aria-hidden="true">${drawing}</svg>`;
}

export const icons = {
  logo: icon(svg`<path d="M5 3.500v13M15 3.500 5.500 10 15 16.500"/>`),
  arrow: icon(svg`<path d="M4 10h11m-4-4 4 4-4 4"/>`),
  more: icon(svg`<path d="M4.500 10h.01M10 10h.01M15.500 10h.01" stroke-width="2.200"/>`),
  close: icon(svg`<path d="m5.500 5.500 9 9m0-9-9 9"/>`),
  chevron: icon(svg`<path d="m6.500 8.500 3.500 3.500 3.500-3.500"/>`),
  announce: icon(
    svg`<path d="M3.500 8v4l9.500 3.500v-11zM13 8.500a2 2 0 0 1 0 3M5.500 12.700l1 3.800h2.300l-.8-2.900"/>`,
  ),
  wire: icon(svg`<path d="M2.500 10h3.200l2-5.500 4.300 11 2.200-5.500h3.300"/>`),
  moon: icon(svg`<path d="M16.500 11.700A6.800 6.800 0 0 1 8.300 3.500a6.800 6.800 0 1 0 8.200 8.200Z"/>`),
  sun: icon(
    svg`<circle cx="10" cy="10" r="3.200"/><path d="M10 2.500v1.700m0 11.600v1.700M2.500 10h1.700m11.600 0h1.700M4.700 4.700l1.200 1.200m8.200 8.200 1.200 1.200m0-10.600-1.200 1.200m-8.200 8.200-1.200 1.200"/>`,
  ),
  columns: icon(svg`<rect x="2.500" y="4" width="15" height="12" rx="2"/><path d="M10 4v12"/>`),
  leave: icon(
    svg`<path d="M8 3.500H5a1.500 1.500 0 0 0-1.500 1.500v10A1.500 1.500 0 0 0 5 16.500h3M12.500 6.500 16 10l-3.500 3.500M16 10H8"/>`,
  ),
  eye: icon(
    svg`<path d="M2.500 10S5.200 5 10 5s7.500 5 7.500 5-2.700 5-7.500 5-7.500-5-7.500-5Z"/><circle cx="10" cy="10" r="2.200"/>`,
  ),
  stamp: icon(
    svg`<path d="M4 16.500h12M5 13.500h10v-1.800a1.200 1.200 0 0 0-1.200-1.200h-2.300L12 6a2 2 0 1 0-4 0l.5 4.500H6.200A1.200 1.200 0 0 0 5 11.700z"/>`,
  ),
  clock: icon(svg`<circle cx="10" cy="10" r="6.800"/><path d="M10 6v4.200l2.700 1.600"/>`),
  upload: icon(
    svg`<path d="M10 13V4m0 0L6.500 7.500M10 4l3.500 3.500M4 13.500v1.500A1.500 1.500 0 0 0 5.500 16.500h9a1.500 1.500 0 0 0 1.500-1.500v-1.500"/>`,
  ),
  check: icon(svg`<path d="m4.500 10.500 3.500 3.500 7.500-8"/>`),
  deal: icon(svg`<path d="M3.500 6.500h13v9h-13zM7.500 6.500v-2h5v2M3.500 10.500h13"/>`),
  person: icon(svg`<circle cx="10" cy="7" r="3"/><path d="M4 16.500a6 6 0 0 1 12 0"/>`),
};
