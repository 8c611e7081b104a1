import { html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { InboxNotification } from '../../notifications/notification.js';
import type { InboxState } from '../inbox.types.js';
import type { InboxError } from '../inbox-error.js';
import { arrowUpIcon, caughtUpIcon, checkAllIcon, closeIcon, failedIcon, signedOutIcon } from './icons.js';
import type { NotificationBellMessages } from './messages.js';

export interface PanelView {
  /** Null while there is no inbox. */
  readonly state: InboxState | null;
  readonly messages: NotificationBellMessages;
  readonly isReconnecting: boolean;
  /** How many have arrived above what is being read. */
  readonly unseen: number;
  /** What went wrong last. */
  readonly notice: string;
  row(notification: InboxNotification): unknown;
}

export interface PanelActions {
  close(): void;
  markAllRead(): void;
  loadMore(): void;
  tryAgain(): void;
  showNew(): void;
  dismissNotice(): void;
  onScroll(): void;
  onListClick(event: MouseEvent): void;
  onListFocus(event: FocusEvent): void;
}

/** What is in the panel while it is open. */
export function panel(view: PanelView, actions: PanelActions): TemplateResult {
  const { state, messages, notice, unseen } = view;
  const canMark = Boolean(state?.unread);
  return html`
    <div class="header" part="header">
      <h2 id="heading" part="heading">${messages.heading}</h2>
      <button type="button" class="text-button" part="mark-all" aria-disabled=${!canMark}
        @click=${canMark ? actions.markAllRead : nothing}>${checkAllIcon}${messages.markAllRead}</button>
      <button type="button" class="icon-button" part="close" aria-label=${messages.close} title=${messages.close}
        @click=${actions.close}>${closeIcon}</button>
    </div>
    <div class="body">
      ${
        unseen > 0
          ? html`<button type="button" class="pill" part="new" @click=${actions.showNew}>${arrowUpIcon}${messages.newAbove(unseen)}</button>`
          : nothing
      }
      <div id="scroller" @scroll=${{ handleEvent: actions.onScroll, passive: true }}>${content(view, actions)}</div>
      <div role="status">
        ${view.isReconnecting ? html`<p class="status" part="status">${withStatus(messages.reconnecting, state?.error)}</p>` : nothing}
      </div>
    </div>
    ${
      notice
        ? html`<p class="notice" part="notice">${failedIcon}<span>${notice}</span>
            <button type="button" class="icon-button" aria-label=${messages.close} title=${messages.close}
              @click=${actions.dismissNotice}>${closeIcon}</button></p>`
        : nothing
    }`;
}

function content(view: PanelView, actions: PanelActions): TemplateResult {
  const { state, messages } = view;
  const isSignedOut = state?.status === 'signed-out';
  if (state?.items.length) {
    return html`
      ${isSignedOut ? html`<p class="banner" part="signed-out">${signedOutIcon}<span>${messages.signedOutHint}</span>${again(view, actions)}</p>` : nothing}
      <p class="visually-hidden" id="hint">${messages.keyboardHint}</p>
      <ul role="list" part="list" aria-labelledby="heading" aria-describedby="hint" aria-busy=${state.loading}
        @click=${actions.onListClick} @auxclick=${actions.onListClick} @focusin=${actions.onListFocus}>
        ${repeat(state.items, ({ id }) => id, view.row)}
      </ul>
      ${state.hasMore ? listEnd(view, actions) : nothing}`;
  }
  if (isSignedOut) return blank(signedOutIcon, messages.signedOut, messages.signedOutHint, again(view, actions));
  const error = state?.error;
  // A stream that comes back in a moment is no news, also where there is nothing to see.
  if (error && (state.status === 'live' || view.isReconnecting)) {
    const hint = error.status ? '' : messages.loadFailedHint;
    return blank(failedIcon, withStatus(messages.loadFailed, error), hint, again(view, actions));
  }
  if (!state || state.loading || error) return skeleton(messages.loading);
  return blank(caughtUpIcon, messages.empty, messages.emptyHint);
}

function listEnd({ state, messages }: PanelView, { loadMore }: PanelActions): TemplateResult {
  const { loading = false, status, error = null } = state ?? {};
  // Without a stream it is why there is none, which the status tells.
  const hasFailed = error && !loading && status === 'live';
  const label = loading ? messages.loading : hasFailed ? messages.tryAgain : messages.loadMore;
  return html`
    <div id="end" part="end">
      ${hasFailed ? html`<p>${withStatus(messages.loadFailed, error)}</p>` : nothing}
      <button type="button" class=${hasFailed ? 'outline-button' : 'text-button'} part="more" aria-disabled=${loading} @click=${loadMore}>${label}</button>
    </div>`;
}

function again({ messages }: PanelView, { tryAgain }: PanelActions): TemplateResult {
  return html`<button type="button" class="outline-button" part="try-again" @click=${tryAgain}>${messages.tryAgain}</button>`;
}

/** What an operator can look for: the status that the server answered with. */
function withStatus(words: string, error: InboxError | null | undefined): string {
  return error?.status ? `${words} (${error.status})` : words;
}

/** In place of the list, when there is none. */
function blank(icon: TemplateResult, heading: string, hint: string, action?: TemplateResult): TemplateResult {
  return html`
    <div class="blank" part="blank">
      <span class="blank-icon">${icon}</span>
      <p class="blank-heading">${heading}</p>
      <p>${hint}</p>
      ${action ?? nothing}
    </div>`;
}

function skeleton(label: string): TemplateResult {
  return html`
    <p class="visually-hidden">${label}</p>
    <div class="skeleton" part="skeleton" aria-hidden="true">${[0, 1, 2, 3].map(() => html`<div><i></i><i></i><i></i></div>`)}</div>`;
}
