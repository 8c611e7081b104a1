import 'nestjs-crm-notifications/element';
import { signIn, user } from '../../shared/session';
import { useInbox, useInboxState } from './inbox';
import { NotificationList } from './notification-list';
import { Toasts } from './toasts';

export function App() {
  const inbox = useInbox();
  const { status } = useInboxState();
  return (
    <>
      <header>
        <h1>React</h1>
        <span className={`status ${status}`}>{`${user}, ${status}`}</span>
        {status === 'signed-out' && (
          <button type="button" onClick={() => signIn().then(inbox.open)}>
            Sign in again
          </button>
        )}
        <notification-bell inbox={inbox} onnotification-open={({ detail }) => console.log('Opened', detail.title)} />
      </header>
      <NotificationList />
      <Toasts />
    </>
  );
}
