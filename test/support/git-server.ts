import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ENV = {
  PATH: process.env['PATH'],
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@example.org',
  GIT_AUTHOR_DATE: '2020-01-02T03:04:05Z',
  GIT_COMMITTER_DATE: '2020-01-02T03:04:05Z',
};

/** Git repositories below a folder, served over http on loopback by `git http-backend`. */
export class GitServer {
  readonly root = mkdtempSync(join(tmpdir(), 'lading-git-server-'));
  /** "GET /a.git/info/refs?service=…" of every request. */
  readonly requests: string[] = [];
  /** Authorization headers seen. */
  readonly authorizations: (string | undefined)[] = [];
  /** The header requests must have. */
  wanted: string | undefined;
  /** Speaks version 0, which refuses commits no ref points to. */
  oldProtocol = false;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  static async start(): Promise<GitServer> {
    const server = new GitServer();
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  url(name: string): string {
    return `http://${this.host}/${name}.git`;
  }

  /** Runs git in a repository's working folder. */
  git(name: string, ...args: string[]): string {
    const { status, stdout, stderr } = spawnSync('git', args, {
      cwd: join(this.root, name),
      env: ENV,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  }

  /** Runs git with bytes on its standard input. */
  input(name: string, bytes: string | Uint8Array, ...args: string[]): string {
    const { status, stdout, stderr } = spawnSync('git', args, { cwd: join(this.root, name), env: ENV, input: bytes });
    if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr.toString()}`);
    return stdout.toString().trim();
  }

  /** Writes files and commits them on the current branch (at first "main"). @returns the commit */
  commit(name: string, files: Readonly<Record<string, string>>): string {
    const dir = join(this.root, name);
    mkdirSync(dir, { recursive: true });
    this.git(name, 'init', '--quiet', '--initial-branch=main');
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
    this.git(name, 'add', '--all');
    this.git(name, 'commit', '--quiet', '--allow-empty', '-m', 'x');
    return this.git(name, 'rev-parse', 'HEAD');
  }

  /** How often objects were asked for, as opposed to names of refs. */
  get transfers(): number {
    return this.requests.filter((line) => line.startsWith('FETCH')).length;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.root, { recursive: true });
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://x');
    this.authorizations.push(request.headers.authorization);
    if (this.wanted !== undefined && request.headers.authorization !== this.wanted) {
      response.writeHead(401, { 'www-authenticate': 'Basic' }).end();
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      this.requests.push(`${body.includes('command=fetch') ? 'FETCH' : 'ASK'} ${request.url}`);
      const child = spawn('git', ['-c', 'safe.directory=*', 'http-backend'], {
        env: {
          ...ENV,
          GIT_PROJECT_ROOT: this.root,
          GIT_HTTP_EXPORT_ALL: '1',
          PATH_INFO: url.pathname.replace(/\.git\//, '/.git/'),
          QUERY_STRING: url.search.slice(1),
          REQUEST_METHOD: request.method ?? 'GET',
          CONTENT_TYPE: request.headers['content-type'] ?? '',
          HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
          GIT_PROTOCOL: this.oldProtocol ? '' : String(request.headers['git-protocol'] ?? ''),
          GIT_CONFIG_COUNT: '1',
          GIT_CONFIG_KEY_0: 'safe.directory',
          GIT_CONFIG_VALUE_0: '*',
        },
      });
      child.stdin.on('error', () => undefined);
      child.stdin.end(body);
      const out: Buffer[] = [];
      child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
      child.on('close', () => {
        const all = Buffer.concat(out);
        const end = all.indexOf('\r\n\r\n');
        const headers = all
          .subarray(0, end)
          .toString()
          .split('\r\n')
          .map((line) => line.split(': ') as [string, string]);
        const status = headers.find(([key]) => key === 'Status')?.[1];
        response.writeHead(status === undefined ? 200 : Number.parseInt(status, 10), Object.fromEntries(headers));
        response.end(all.subarray(end + 4));
      });
    });
  }
}
