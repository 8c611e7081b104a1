import { createInbox, type Inbox, type InboxOptions, type InboxState } from 'nestjs-crm-notifications/client';
import { type InjectionKey, inject, onScopeDispose, provide, type ShallowRef, shallowRef } from 'vue';

interface InboxRef {
  readonly inbox: Inbox;
  /** What there is to show now. Shallow, because a state is replaced and never changed. */
  readonly state: Readonly<ShallowRef<InboxState>>;
}

const INBOX: InjectionKey<InboxRef> = Symbol('inbox');

/** Opens the inbox of one user, for this component and those inside of it, for as long as this one is mounted. */
export function provideInbox(options: InboxOptions): InboxRef {
  const inbox = createInbox(options);
  const state = shallowRef(inbox.getState());
  inbox.subscribe((next) => {
    state.value = next;
  });
  onScopeDispose(inbox.close);
  provide(INBOX, { inbox, state });
  return { inbox, state };
}

export function useInbox(): InboxRef {
  const provided = inject(INBOX);
  if (!provided) throw new Error('useInbox() is for components inside of one that calls provideInbox().');
  return provided;
}
