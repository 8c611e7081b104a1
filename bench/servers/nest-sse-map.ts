import { Controller, type MessageEvent, Module, Query, Sse } from '@nestjs/common';
import { finalize, type Observable, Subject } from 'rxjs';
import { control } from './control.js';
import { listenWithNest } from './nest-host.js';

// Nest's own stream at its best: a Subject for each user, found in a map.
const subjects = new Map<number, Subject<MessageEvent>>();
let lastId = 0;

@Controller()
class StreamController {
  @Sse('stream')
  stream(@Query('user') query: string): Observable<MessageEvent> {
    const user = Number(query);
    const subject = subjects.get(user) ?? new Subject<MessageEvent>();
    subjects.set(user, subject);
    return subject.pipe(
      finalize(() => {
        if (!subject.observed) subjects.delete(user);
      }),
    );
  }
}

@Module({ controllers: [StreamController] })
class MapModule {}

const { port } = await listenWithNest(MapModule);
control({
  port,
  protocol: 'sse',
  send: (to, message) => subjects.get(to)?.next({ id: String(++lastId), data: message }),
  broadcast: (message) => {
    // Serialised once: Nest takes text as it is, and would stringify an object again for each connection.
    const shared: MessageEvent = { id: String(++lastId), data: JSON.stringify(message) };
    for (const subject of subjects.values()) subject.next(shared);
  },
  connections: () => subjects.size,
});
