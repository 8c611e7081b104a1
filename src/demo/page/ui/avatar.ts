import { html, nothing, type TemplateResult } from 'lit';
import type { Person } from '../crm.types.js';

/** So many colours are in avatar.css. */
const HUES = 8;
/** With it no two of the sample's people have the same. */
const SPREAD = 69;

/**
 * The initials of a person in a circle, in a colour of theirs. They are drawn by CSS: nobody wants them read out. With a
 * label it says who it is; else the name is beside it.
 */
export function avatar(person: Person, label?: string): TemplateResult {
  return html`<span class="avatar" data-hue=${hueOf(person.id)} role=${label ? 'img' : nothing}
    aria-label=${label ?? nothing} aria-hidden=${label ? nothing : 'true'} title=${label ?? nothing}
    data-initials=${initialsOf(person.name)}></span>`;
}

/** Of a Chinese name the given name's last character: a family name alone says little. */
function initialsOf(name: string): string {
  if (/^\p{Script=Han}+$/u.test(name)) return name.slice(-2);
  const [first = '', ...rest] = name.split(/[\s._@-]+/).filter(Boolean);
  const last = rest.at(-1) ?? '';
  return ([...first][0] ?? '').concat([...last][0] ?? '').toLocaleUpperCase();
}

function hueOf(id: string): number {
  let sum = 0;
  for (const character of id) sum = (sum * SPREAD + (character.codePointAt(0) ?? 0)) % 9973;
  return sum % HUES;
}
