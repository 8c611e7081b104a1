import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** The environment of a program that knows nothing of the Jest around it. */
function environment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { NODE_ENV, NODE_OPTIONS, JEST_WORKER_ID, FORCE_COLOR, ...rest } = process.env;
  return { ...rest, ...extra };
}

/** Runs a program to its end. @throws with everything that it printed, if it fails. */
export async function run(cwd: string, command: string, args: string[], env?: NodeJS.ProcessEnv): Promise<string> {
  return await new Promise((resolve, reject) => {
    execFile(command, args, { cwd, env: environment(env), maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      reject(new Error(`${command} ${args.join(' ')} failed in ${cwd}: ${error.message}\n${stdout}\n${stderr}`));
    });
  });
}

/** A program that runs until it is told to end. */
export interface RunningProgram {
  /** The first line that it printed. */
  readonly firstLine: string;
  /** Sends SIGTERM and waits for its end. */
  terminate(): Promise<void>;
  /** Ends it without a word, if it is still running. */
  kill(): void;
}

/** Starts a Node program and waits for its first line. @throws with everything that it printed, if it ends before. */
export async function startNode(cwd: string, file: string, env?: NodeJS.ProcessEnv): Promise<RunningProgram> {
  const child = spawn(process.execPath, [file], { cwd, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = once(child, 'close');
  const firstLine = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([line]) => line as string),
    ended.then(([code]) => {
      throw new Error(`${file} ended with ${code} before its first line:\n${output}`);
    }),
  ]);
  return {
    firstLine,
    terminate: async () => {
      child.kill('SIGTERM');
      await ended;
    },
    kill: () => {
      child.kill('SIGKILL');
    },
  };
}
