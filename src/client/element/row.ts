import { html, nothing, type TemplateResult } from 'lit';
import type { InboxNotification } from '../../notifications/notification.js';
import { safeUrl } from '../safe-url.js';
import { checkIcon, removeIcon, unreadIcon } from './icons.js';
import type { NotificationBellMessages } from './messages.js';

export interface RowView {
  readonly messages: NotificationBellMessages;
  /** How long ago it came, and when that was; both empty if nobody knows. */
  readonly age: string;
  readonly date: string;
  /** Whether Tab leads to it. */
  readonly isCurrent: boolean;
  /** Whether long text is shown to its end. */
  readonly isExpanded: boolean;
}

/**
 * One notification. A link if it leads anywhere, so that it can be opened in another tab. What its controls do is up to
 * the list: `data-control` tells which one it was.
 */
export function row(notification: InboxNotification, view: RowView): TemplateResult {
  const { id, title, body, read, createdAt } = notification;
  const { messages } = view;
  const url = safeUrl(notification.url);
  const tabIndex = view.isCurrent ? 0 : -1;
  const toggle = read ? messages.markUnread : messages.markRead;

  const content = html`
    ${read ? nothing : html`<span class="dot" part="dot"><span class="visually-hidden">${messages.unread}</span></span>`}
    <span class="title" part="title" id="title-${id}" dir="auto">${title}</span>
    ${body ? html`<span class="text" part="body" dir="auto">${body}</span>` : nothing}
    <span class="meta"><time part="time" datetime=${createdAt} title=${view.date}>${view.age}</time></span>`;

  return html`
    <li part="row ${read ? '' : 'unread-row'}" class="row ${read ? '' : 'unread'} ${view.isExpanded ? 'expanded' : ''}" data-id=${id}>
      ${
        url === null
          ? html`<button type="button" class="open" data-control="open" tabindex=${tabIndex}>${content}</button>`
          : html`<a class="open" data-control="open" href=${url} tabindex=${tabIndex}>${content}</a>`
      }
      <span class="actions">
        <button type="button" class="icon-button" part="action" data-control="toggle" tabindex=${tabIndex}
          aria-label=${toggle} title=${toggle} aria-describedby="title-${id}">${read ? unreadIcon : checkIcon}</button>
        <button type="button" class="icon-button" part="action" data-control="remove" tabindex=${tabIndex}
          aria-label=${messages.remove} title=${messages.remove} aria-describedby="title-${id}">${removeIcon}</button>
      </span>
    </li>`;
}
