import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

// Go's net/http. Its process is the one to measure; this one builds it and passes on what is said.
const directory = mkdtempSync(join(tmpdir(), 'bench-go-'));
const binary = join(directory, 'server');
execFileSync('go', ['build', '-o', binary, fileURLToPath(new URL('./go/main.go', import.meta.url))]);
const server = spawn(binary, { stdio: ['pipe', 'pipe', 'inherit'] });
await once(server, 'spawn');
// It runs without its file, which nobody could remove if this process were killed.
rmSync(directory, { recursive: true });

createInterface(server.stdout).on('line', (line) => process.send?.(JSON.parse(line)));
process.on('message', (request) => server.stdin.write(`${JSON.stringify(request)}\n`));
process.once('disconnect', () => process.exit(0));
server.once('exit', () => process.exit(1));
