import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blocks } from './documents.js';
import { selfSignedCertificate } from './self-signed-certificate.js';
import { startServerProcess } from './services.js';

/** A proxy in front of two instances, configured by the very text of docs/operations.md. */
export interface DocumentedProxy {
  /** `https://127.0.0.1:port` */
  readonly url: string;
  /** The certificate to trust. */
  readonly ca: string;
  /** All that it has logged. */
  logs(): string;
  stop(): Promise<void>;
}

/** Where the documentation has the instances. */
const INSTANCES = ['127.0.0.1:3001', '127.0.0.1:3002'];
/** The idle timeout in the documentation, and what tests can wait for. */
const TIMEOUT = ['60s', '1s'] as const;
/** It answers, be it with an error. */
const ANSWER = { to: 'GET / HTTP/1.0\r\n\r\n', is: '' };

/** @param ports of the two instances. */
export async function startDocumentedNginx(binary: string, ports: readonly number[]): Promise<DocumentedProxy> {
  const directory = new ProxyDirectory();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const server = await startServerProcess(
    binary,
    (port) => {
      const config = documented('nginx', [
        ...INSTANCES.map((instance, i) => [instance, `127.0.0.1:${ports[i]}`] as const),
        ['443', `127.0.0.1:${port}`],
        ['/etc/ssl/crm.pem', directory.certificate],
        ['/etc/ssl/crm.key', directory.key],
        ['/var/log/nginx/', `${directory.path}/logged-`],
        TIMEOUT,
      ]);
      const paths = temporary.map((name) => `${name}_temp_path ${directory.path}/${name};`).join(' ');
      const file = directory.write(
        'nginx.conf',
        `daemon off; master_process off; pid ${directory.path}/pid; error_log ${directory.path}/logged-error.log;
        events {} http { ${paths}\n${config} }`,
      );
      return ['-c', file, '-p', directory.path, '-e', `${directory.path}/logged-start.log`];
    },
    ANSWER,
  );
  return {
    url: `https://127.0.0.1:${server.port}`,
    ca: directory.ca,
    logs: () => directory.logs(),
    stop: async () => {
      await server.stop();
      directory.remove();
    },
  };
}

/** @param ports of the two instances. */
export async function startDocumentedHaproxy(binary: string, ports: readonly number[]): Promise<DocumentedProxy> {
  const directory = new ProxyDirectory();
  const syslog = createSocket('udp4');
  let logged = '';
  syslog.on('message', (message) => {
    logged += `${message}\n`;
  });
  syslog.bind(0, '127.0.0.1');
  await once(syslog, 'listening');
  const server = await startServerProcess(
    binary,
    (port) => {
      const config = documented('haproxy', [
        ...INSTANCES.map((instance, i) => [instance, `127.0.0.1:${ports[i]}`] as const),
        [':443', `127.0.0.1:${port}`],
        ['/etc/ssl/crm.pem', directory.certificateWithKey],
        ['/dev/log', `127.0.0.1:${syslog.address().port}`],
        TIMEOUT,
      ]);
      return ['-db', '-f', directory.write('haproxy.cfg', `${config}\n`)];
    },
    ANSWER,
  );
  return {
    url: `https://127.0.0.1:${server.port}`,
    ca: directory.ca,
    logs: () => logged,
    stop: async () => {
      await server.stop();
      syslog.close();
      directory.remove();
    },
  };
}

/** The block of this language in docs/operations.md, with each of these replaced. */
function documented(language: string, replacements: (readonly [string, string])[]): string {
  const block = blocks(['docs/operations.md']).find((each) => each.language === language)?.code;
  if (block === undefined) throw new Error(`docs/operations.md has no example for ${language}`);
  const replaced = new Map(replacements);
  for (const text of replaced.keys()) {
    if (!block.includes(text)) throw new Error(`The example for ${language} has no ${text} any more`);
  }
  // In one go: a port that is put in may hold the digits of one that is still to be replaced.
  const longestFirst = [...replaced.keys()].sort((a, b) => b.length - a.length);
  const escaped = longestFirst.map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return block.replace(new RegExp(escaped.join('|'), 'g'), (text) => replaced.get(text) as string);
}

/** What a proxy of a test needs of the disk. */
class ProxyDirectory {
  readonly path = mkdtempSync(join(tmpdir(), 'ncn-test-proxy-'));
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  readonly certificateWithKey: string;

  constructor() {
    const { key, cert } = selfSignedCertificate();
    this.ca = cert;
    this.certificate = this.write('certificate.pem', cert);
    this.key = this.write('key.pem', key);
    this.certificateWithKey = this.write('both.pem', cert + key);
  }

  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  logs(): string {
    const files = readdirSync(this.path).filter((name) => name.startsWith('logged-'));
    return files.map((name) => readFileSync(join(this.path, name), 'utf8')).join('\n');
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
