/**
 * Shows lading's main job on this machine: a base image, a build, a container that answers, a registry round trip.
 * Everything is done by the commands a user would type, and each is printed before it runs.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const LADING = 'bin/lading';
const BASE = 'node:14-alpine';
const ASSEMBLED = 'lading-base/node:bookworm';
const APP = 'express-app';
const CONTAINER = 'lading-quickstart';
const ANSWER_TIMEOUT_MS = 30_000;
const started = performance.now();

function say(text: string): void {
  console.log(`\n==> ${text}`);
}

function fail(message: string): never {
  console.error(`\nquickstart: ${message}`);
  process.exit(1);
}

/** Runs a lading command with its output on the terminal. */
function lading(...args: string[]): void {
  console.log(`$ lading ${args.join(' ')}`);
  const { status, error } = spawnSync(LADING, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error) fail(`bin/lading: ${error.message}`);
  if (status !== 0) fail(`"lading ${args.join(' ')}" ended with status ${status}`);
}

/** Runs one quietly; whether it succeeded. */
function quietly(...args: string[]): boolean {
  return spawnSync(LADING, args, { stdio: 'ignore' }).status === 0;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

async function answerOf(url: string): Promise<string> {
  const end = performance.now() + ANSWER_TIMEOUT_MS;
  for (;;) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
      if (response.ok) return await response.text();
    } catch {
      // Not listening yet.
    }
    if (performance.now() > end) {
      quietly('logs', CONTAINER);
      fail(`${url} did not answer within ${ANSWER_TIMEOUT_MS / 1000} s; see: ${LADING} logs ${CONTAINER}`);
    }
    await sleep(50);
  }
}

async function runApp(image: string, port: number): Promise<void> {
  quietly('rm', '-f', CONTAINER);
  lading('run', '-d', '--name', CONTAINER, '-p', `127.0.0.1:${port}:3000`, image);
  const url = `http://127.0.0.1:${port}/`;
  console.log(`$ curl ${url}\n${await answerOf(url)}`);
}

/** The tutorial's base image: from Docker Hub where it can be reached, else assembled from Debian's packages under the same name. */
function getBase(): string {
  if (quietly('image', 'inspect', BASE)) return `${BASE} was here already`;
  say(`Getting the base image ${BASE}`);
  console.log(`$ lading pull ${BASE}`);
  const pulled = spawnSync(LADING, ['pull', BASE], {
    stdio: ['ignore', 'inherit', 'pipe'],
    timeout: 120_000,
    encoding: 'utf8',
  });
  if (pulled.status === 0) return `${BASE} came from Docker Hub`;
  console.log(`Docker Hub cannot be reached from here (${pulled.stderr.trim().split('\n')[0] ?? 'no answer'}).`);
  console.log(`Assembling a base image from Debian's signed packages instead, and naming it ${BASE}.`);
  const certificates = process.env['NODE_EXTRA_CA_CERTS'] === undefined ? [] : ['--host-certs'];
  lading('base', 'debian:bookworm', '--include', 'nodejs,npm,ca-certificates', ...certificates, '-t', ASSEMBLED);
  lading('tag', ASSEMBLED, BASE);
  return `${BASE} was assembled from Debian 12's packages (Docker Hub cannot be reached from here)`;
}

function startRegistry(root: string, port: number): ChildProcess {
  const args = ['registry', 'serve', '--root', root, '--port', String(port)];
  console.log(`$ lading ${args.join(' ')} &`);
  return spawn(LADING, args, { stdio: 'ignore' });
}

async function waitForRegistry(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    try {
      if ((await fetch(`http://127.0.0.1:${port}/v2/`)).ok) return;
    } catch {
      // Not listening yet.
    }
    await sleep(50);
  }
  fail('the loopback registry did not start');
}

async function main(): Promise<void> {
  if (!existsSync(LADING)) fail('run this from the checkout, by npm run quickstart');
  if (process.getuid?.() !== 0) fail('containers need root on this machine: run "sudo npm run quickstart"');
  say('Starting the daemon (lading does that by itself when none runs)');
  lading('version');
  const base = getBase();

  say('Building examples/express-app from its Dockerfile');
  lading('build', '-t', APP, 'examples/express-app');
  say('Running it and asking it');
  const port = await freePort();
  await runApp(APP, port);

  say('Pushing it to a registry on this machine, forgetting it, pulling it back, running it again');
  const registryPort = await freePort();
  const registryRoot = mkdtempSync('/tmp/lading-quickstart-');
  const registry = startRegistry(registryRoot, registryPort);
  try {
    await waitForRegistry(registryPort);
    const remote = `127.0.0.1:${registryPort}/${APP}:latest`;
    lading('tag', APP, remote);
    lading('push', remote);
    lading('rm', '-f', CONTAINER);
    lading('rmi', '-f', remote, APP);
    lading('pull', remote);
    await runApp(remote, port);
    lading('rm', '-f', CONTAINER);
    lading('tag', remote, APP);
    lading('rmi', remote);
  } finally {
    registry.kill('SIGTERM');
    rmSync(registryRoot, { recursive: true, force: true });
  }
  summary(base);
}

function summary(base: string): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`
==> Done in ${seconds} s
    Base image: ${base}.
    Built ${APP} from examples/express-app/Dockerfile, ran it, got its answer over HTTP, pushed it to a registry,
    removed it, pulled it back and ran it again. The container and the registry are gone; the images and the daemon stay.

    How to go on (root, from ${process.cwd()}):
      ${join('.', LADING)} images
      ${join('.', LADING)} run --rm -it ${APP} bash
      ${join('.', LADING)} run -d --name web -p 8080:3000 ${APP}
      ${join('.', LADING)} build -t myapp PATH
      ${join('.', LADING)} --help
    The stock docker command works too: DOCKER_HOST=unix:///run/lading/lading.sock docker ps
    Stop the daemon (containers go on running): kill $(cat /run/lading/ladingd.pid)`);
}

await main();
