import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { signIn, token, user } from '../../shared/session';
import '../../shared/style.css';
import { App } from './app';
import { InboxProvider } from './inbox';

await signIn();
createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <InboxProvider user={user} token={token}>
      <App />
    </InboxProvider>
  </StrictMode>,
);
