import { randomBytes } from 'node:crypto';
import { PassThrough, type Readable } from 'node:stream';
import { LadingError, isLadingError } from '../../errors/index.ts';
import {
  StartError,
  type Attachment,
  type ContainerPaths,
  type ContainerRuntime,
  type RunningExec,
} from '../../runtime/index.ts';
import type { ExecConfig, ExecView } from '../types.ts';
import type { ContainerRecord } from './container-record.ts';
import { hostnameOf } from './container-spec.ts';

interface Session {
  readonly id: string;
  readonly record: ContainerRecord;
  readonly config: ExecConfig;
  state: 'created' | 'running' | 'exited';
  exitCode: number | null;
  running: RunningExec | undefined;
}

type ExecEvent = (record: ContainerRecord, action: string, attributes: Record<string, string>) => void;

const KEPT_AFTER_EXIT_MS = 5 * 60_000;

/** Execs of running containers: created, started once, looked at for a while after their end. They end with their container. */
export class ExecSessions {
  readonly #runtime: ContainerRuntime;
  readonly #pathsOf: (id: string) => ContainerPaths;
  readonly #sessions = new Map<string, Session>();
  readonly #onEvent: ExecEvent;

  constructor(runtime: ContainerRuntime, pathsOf: (id: string) => ContainerPaths, onEvent: ExecEvent) {
    this.#runtime = runtime;
    this.#pathsOf = pathsOf;
    this.#onEvent = onEvent;
  }

  create(record: ContainerRecord, config: ExecConfig): string {
    if (record.status === 'paused')
      throw new LadingError('conflict', `Container ${record.name} is paused, unpause the container before exec`);
    if (record.status !== 'running') throw new LadingError('conflict', `container ${record.id} is not running`);
    if (!config.Cmd?.length) throw new LadingError('invalid_argument', 'No exec command specified');
    const id = randomBytes(32).toString('hex');
    this.#sessions.set(id, { id, record, config, state: 'created', exitCode: null, running: undefined });
    this.#onEvent(record, `exec_create: ${config.Cmd.join(' ')}`, { execID: id });
    return id;
  }

  async start(
    id: string,
    options: { detach: boolean; consoleSize?: readonly [number, number] },
  ): Promise<Attachment | undefined> {
    const session = this.#find(id);
    if (session.state !== 'created') throw new LadingError('conflict', `exec ${id} has already been started`);
    const { record, config } = session;
    if (record.status !== 'running') throw new LadingError('conflict', `container ${record.id} is not running`);
    session.state = 'running';
    const [rows, columns] = options.consoleSize ?? config.ConsoleSize ?? [0, 0];
    try {
      session.running = await this.#runtime.exec(
        record.id,
        this.#pathsOf(record.id),
        id,
        {
          args: config.Cmd,
          env: execEnvironment(record, config),
          cwd: config.WorkingDir || record.config.WorkingDir || '/',
          user: config.User || record.config.User || '',
          additionalGroups: record.hostConfig.GroupAdd ?? [],
          tty: config.Tty ?? false,
          ...(rows > 0 && columns > 0 ? { consoleSize: { rows, columns } } : {}),
          privileged: config.Privileged ?? false,
        },
        { stdin: config.AttachStdin ?? false, detach: options.detach },
      );
    } catch (error) {
      this.#end(session, startFailureCode(error));
      throw error;
    }
    this.#onEvent(record, `exec_start: ${config.Cmd.join(' ')}`, { execID: id });
    const ended = session.running.wait().then(
      (exitCode) => this.#end(session, exitCode),
      () => this.#end(session, 137),
    );
    const { attachment } = session.running;
    return (
      attachment && { ...attachment, stdout: endingAfter(attachment.stdout, ended), detach: () => attachment.detach() }
    );
  }

  inspect(id: string): ExecView {
    const { record, config, state, exitCode, running } = this.#find(id);
    return { id, containerId: record.id, config, running: state === 'running', exitCode, pid: running?.pid ?? 0 };
  }

  async resize(id: string, rows: number, columns: number): Promise<void> {
    const session = this.#find(id);
    if (session.state !== 'running') throw new LadingError('conflict', `exec ${id} is not running`);
    await session.running?.resize(rows, columns);
  }

  /** Running execs of a container. */
  idsOf(containerId: string): string[] {
    return [...this.#sessions.values()]
      .filter((s) => s.record.id === containerId && s.state === 'running')
      .map((s) => s.id);
  }

  #end(session: Session, exitCode: number): void {
    session.state = 'exited';
    session.exitCode = exitCode;
    this.#onEvent(session.record, 'exec_die', { execID: session.id, exitCode: String(exitCode) });
    setTimeout(() => this.#sessions.delete(session.id), KEPT_AFTER_EXIT_MS).unref();
  }

  #find(id: string): Session {
    const session = this.#sessions.get(id);
    if (session) return session;
    throw new LadingError('not_found', `No such exec instance: ${id}`);
  }
}

/** A client asks for the exit code when the output has ended: it must be known by then. */
function endingAfter(stdout: Readable, ended: Promise<void>): Readable {
  const held = new PassThrough();
  const end = async (): Promise<void> => {
    await ended;
    held.end();
  };
  stdout.once('close', () => void end());
  return stdout.pipe(held, { end: false });
}

/** Docker's code of an exec that could not start: 127 not found, 126 otherwise. */
function startFailureCode(error: unknown): number {
  const cause = isLadingError(error) ? error.cause : undefined;
  return cause instanceof StartError && cause.failure === 'not_found' ? 127 : 126;
}

function execEnvironment(record: ContainerRecord, config: ExecConfig): string[] {
  const values = new Map<string, string>();
  for (const entry of [`HOSTNAME=${hostnameOf(record)}`, ...(record.config.Env ?? []), ...(config.Env ?? [])]) {
    const at = entry.indexOf('=');
    if (at > 0) values.set(entry.slice(0, at), entry);
  }
  return [...values.values()];
}
