import { createInbox, type Inbox, type InboxOptions, type InboxState } from 'nestjs-crm-notifications/client';
import { createContext, type PropsWithChildren, use, useEffect, useState, useSyncExternalStore } from 'react';

const InboxContext = createContext<Inbox | null>(null);

/** The inbox of one user, open while this is mounted. Another `user` or `token` function opens another one. */
export function InboxProvider({ user, token, children }: PropsWithChildren<Pick<InboxOptions, 'user' | 'token'>>) {
  const [inbox, setInbox] = useState<Inbox | null>(null);
  // In an effect, which has a counterpart: what a render or an initializer opens in StrictMode, nobody closes.
  useEffect(() => {
    const opened = createInbox({ url: '/notifications', user, token });
    setInbox(opened);
    return opened.close;
  }, [user, token]);
  return inbox && <InboxContext value={inbox}>{children}</InboxContext>;
}

export function useInbox(): Inbox {
  const inbox = use(InboxContext);
  if (!inbox) throw new Error('useInbox() is for components inside of <InboxProvider>.');
  return inbox;
}

/** What there is to show now. */
export function useInboxState(): InboxState {
  const { subscribe, getState } = useInbox();
  return useSyncExternalStore(subscribe, getState);
}
