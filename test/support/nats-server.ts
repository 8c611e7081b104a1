import { type ServerProcess, startServerProcess } from './services.js';

/** A NATS of a test's own. @param extra more arguments, such as `['--config', path]`. */
export async function startNatsServer(binary: string, extra: readonly string[] = []): Promise<ServerProcess> {
  const args = (port: number) => ['--addr', '127.0.0.1', '--port', `${port}`, ...extra];
  return await startServerProcess(binary, args, { to: '', is: 'INFO' });
}
