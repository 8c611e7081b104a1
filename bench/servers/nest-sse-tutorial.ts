import { Controller, type MessageEvent, Module, Query, Sse } from '@nestjs/common';
import { filter, map, type Observable, Subject } from 'rxjs';
import { control } from './control.js';
import { listenWithNest } from './nest-host.js';
import type { Message } from './protocol.js';

// What the tutorials teach: one Subject for all, from which each connection picks what is its own. A message costs what
// everybody's filter costs.
const messages = new Subject<Message>();
let connections = 0;

@Controller()
class StreamController {
  @Sse('stream')
  stream(@Query('user') user: string): Observable<MessageEvent> {
    return messages.pipe(
      filter(({ to }) => to === Number(user) || to === -1),
      map((message) => ({ id: String(message.n), data: message })),
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
  send: (_to, message) => messages.next(message),
  broadcast: (message) => messages.next(message),
  connections: () => connections,
});
