import { Controller, type MessageEvent, Module, Query, Sse } from '@nestjs/common';
import { filter, map, type Observable, Subject } from 'rxjs';
import { control } from './control.js';
import { listenWithNest } from './nest-host.js';
import type { Message } from './protocol.js';

// What the tutorials teach: one Subject for all, from which each connection picks what is its own. A message costs what
// everybody's filter costs.
const EVERYBODY = -1;
const messages = new Subject<{ to: number; id: string; message: Message }>();
let lastId = 0;
let connections = 0;

@Controller()
class StreamController {
  @Sse('stream')
  stream(@Query('user') query: string): Observable<MessageEvent> {
    const user = Number(query);
    return messages.pipe(
      filter(({ to }) => to === user || to === EVERYBODY),
      map(({ id, message }) => ({ id, data: message })),
    );
  }
}

@Module({ controllers: [StreamController] })
class TutorialModule {}

const { server, port } = await listenWithNest(TutorialModule);
server.on('connection', (socket) => {
  connections++;
  socket.once('close', () => connections--);
});
control({
  port,
  protocol: 'sse',
  send: (to, message) => messages.next({ to, id: String(++lastId), message }),
  broadcast: (message) => messages.next({ to: EVERYBODY, id: String(++lastId), message }),
  connections: () => connections,
});
