import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/embedded-postgres/free-port.js';
import { eventually } from '../../test/support/eventually.js';
import { control } from './control.js';
import { nchanModule } from './optional.js';
import type { Message } from './protocol.js';

// nchan, a publish-and-subscribe module of nginx, whose process is the one to measure. This one publishes to it over HTTP,
// as a back end does; taking that in is part of what nginx pays for a message.
const EVERYBODY = 'everybody';
const PUBLISHERS = 8;
const port = await freePort();
const directory = mkdtempSync(join(tmpdir(), 'bench-nchan-'));
const configuration = join(directory, 'nginx.conf');
writeFileSync(
  configuration,
  `load_module ${nchanModule()};
daemon off;
# One process, which is the one to measure.
master_process off;
pid ${directory}/nginx.pid;
error_log stderr error;
worker_rlimit_nofile 20000;
events { worker_connections 19990; }
http {
  access_log off;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/fastcgi;
  uwsgi_temp_path ${directory}/uwsgi;
  scgi_temp_path ${directory}/scgi;
  # No message is spooled to a file.
  client_body_buffer_size 2m;
  client_max_body_size 2m;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  nchan_shared_memory_size 1g;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = /stream {
      nchan_subscriber eventsource;
      nchan_subscriber_first_message newest;
      nchan_channel_id $arg_user ${EVERYBODY};
    }
    location = /publish {
      nchan_publisher;
      nchan_channel_id $arg_to;
    }
  }
}
`,
);
const arguments_ = ['--pdeathsig', 'KILL', 'nginx', '-p', directory, '-c', configuration];
const nginx = spawn('setpriv', arguments_, { stdio: ['ignore', 'inherit', 'inherit'] });
nginx.once('exit', () => process.exit(1));
// One connection each, so that what goes to one recipient stays in order.
const publishers = Array.from({ length: PUBLISHERS }, () => new Agent({ keepAlive: true, maxSockets: 1 }));

async function publish(to: number | string, agent: Agent | undefined, text: string): Promise<void> {
  const call = request({ host: '127.0.0.1', port, path: `/publish?to=${to}`, method: 'POST', agent });
  call.setHeader('Content-Type', 'application/json');
  call.end(text);
  const [response] = await once(call, 'response');
  response.resume();
  await once(response, 'end');
  // 202: nobody listens.
  if (response.statusCode !== 201 && response.statusCode !== 202) throw new Error(`nchan: ${response.statusCode}`);
}

function openFiles(): number {
  return readdirSync(`/proc/${nginx.pid}/fd`).length;
}

await eventually(() => Promise.all(publishers.map((agent) => publish('nobody', agent, '{}'))));
// It has read what it needs; if this process is killed, nobody else would remove it.
rmSync(directory, { recursive: true });
const unconnected = openFiles();

control({
  port,
  protocol: 'sse',
  pid: nginx.pid,
  send: (to, message: Message) => publish(to, publishers[to % PUBLISHERS], JSON.stringify(message)),
  broadcast: (message) => publish(EVERYBODY, publishers[0], JSON.stringify(message)),
  connections: () => openFiles() - unconnected,
});
