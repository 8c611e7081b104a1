import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Peers that are no packages of npm, and are measured where they are installed. */
export type OptionalPeer = 'go' | 'nchan';

/** Its version; or why it is left out, as a sentence to print. */
export function findOptional(peer: OptionalPeer): { version: string } | { leftOut: string } {
  return peer === 'go' ? findGo() : findNchan();
}

function findGo(): { version: string } | { leftOut: string } {
  const version = /go([\d.]+)/.exec(outputOf('go', 'version') ?? '')?.[1];
  return version ? { version } : { leftOut: 'left out: go is not installed' };
}

function findNchan(): { version: string } | { leftOut: string } {
  const version = /nginx\/([\d.]+)/.exec(outputOf('nginx', '-V') ?? '')?.[1];
  if (!version) return { leftOut: 'left out: nginx is not installed' };
  if (!nchanModule()) return { leftOut: "left out: nginx's module nchan is not installed" };
  // It ends nginx with whoever started it.
  if (outputOf('setpriv', '--version') === undefined) return { leftOut: 'left out: setpriv is not installed' };
  return { version };
}

/** The file of nginx's module; undefined where there is none. */
export function nchanModule(): string | undefined {
  const directory = /--modules-path=(\S+)/.exec(outputOf('nginx', '-V') ?? '')?.[1];
  const file = directory && join(directory, 'ngx_nchan_module.so');
  return file && existsSync(file) ? file : undefined;
}

function outputOf(program: string, argument: string): string | undefined {
  const { error, stdout, stderr } = spawnSync(program, [argument], { encoding: 'utf8' });
  return error ? undefined : `${stdout}${stderr}`;
}
