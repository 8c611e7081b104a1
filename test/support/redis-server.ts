import { type ServerProcess, startServerProcess } from './services.js';

/** A Redis of a test's own, which keeps nothing. */
export async function startRedisServer(binary: string): Promise<ServerProcess> {
  const args = (port: number) => ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  return await startServerProcess(binary, args, { to: 'PING\r\n', is: '+PONG' });
}
