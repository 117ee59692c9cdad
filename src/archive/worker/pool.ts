import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { LadingError, messageOf } from '../../errors/index.ts';
import type { ArchiveJobs, JobKind } from './jobs.ts';
import { errorOfPlain, type JobMessage, type ReplyMessage } from './protocol.ts';

const IDLE_MS = 5000;
/** A hostile layer can make the engine remember much (a record for each folder): it may cost the worker, never the daemon. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 1024 };

interface Waiting {
  readonly message: JobMessage;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface IdleWorker {
  readonly worker: Worker;
  /** Stops its timer and takes this pool's listeners off. */
  readonly release: () => void;
}

/** Starts an archive worker: beside the bundle when running from dist, from the source otherwise. */
export function spawnArchiveWorker(): Worker {
  const fromSource = import.meta.url.endsWith('.ts');
  const entry = fromSource ? new URL('../worker.ts', import.meta.url) : new URL('./archive-worker.js', import.meta.url);
  return new Worker(entry, { name: 'lading-archive', resourceLimits: RESOURCE_LIMITS, trackUnmanagedFds: false });
}

/** A few worker threads, started when needed, ended after some idle seconds. Idle ones do not keep the process alive. */
class WorkerPool {
  readonly #limit: number;
  readonly #idle: IdleWorker[] = [];
  readonly #queue: Waiting[] = [];
  #busy = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  run(message: JobMessage): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ message, resolve, reject });
      this.#next();
    });
  }

  /** Takes a job that has not started back. Whether it was still waiting. */
  withdraw(message: JobMessage, error: Error): void {
    const at = this.#queue.findIndex((waiting) => waiting.message === message);
    if (at >= 0) this.#queue.splice(at, 1)[0]!.reject(error);
  }

  #next(): void {
    if (this.#busy >= this.#limit) return;
    const waiting = this.#queue.shift();
    if (!waiting) return;
    this.#busy++;
    try {
      this.#give(this.#take(), waiting);
    } catch (error) {
      this.#busy--;
      waiting.reject(new LadingError('internal', `start an archive worker: ${messageOf(error)}`, { cause: error }));
    }
  }

  #take(): Worker {
    const idle = this.#idle.pop();
    if (!idle) return spawnArchiveWorker();
    idle.release();
    idle.worker.ref();
    return idle.worker;
  }

  #give(worker: Worker, { message, resolve, reject }: Waiting): void {
    const lost = (found: string, cause?: unknown) => {
      worker.on('error', () => {});
      finish(() => reject(new LadingError('internal', `archive worker: ${found}`, { cause })));
    };
    const onMessage = (reply: ReplyMessage) => {
      this.#keep(worker);
      finish(() => ('error' in reply ? reject(errorOfPlain(reply.error)) : resolve(reply.result)));
    };
    const onError = (error: unknown) => lost(messageOf(error), error);
    const onExit = (status: number) => lost(`ended with status ${status}`);
    const finish = (settle: () => void) => {
      worker.off('message', onMessage).off('error', onError).off('exit', onExit);
      this.#busy--;
      settle();
      this.#next();
    };
    worker.on('message', onMessage).on('error', onError).on('exit', onExit);
    worker.postMessage(message);
  }

  #keep(worker: Worker): void {
    worker.unref();
    const end = () => {
      idle.release();
      const at = this.#idle.indexOf(idle);
      if (at >= 0) this.#idle.splice(at, 1);
      void worker.terminate();
    };
    const timer = setTimeout(end, IDLE_MS).unref();
    const release = () => {
      clearTimeout(timer);
      worker.off('error', end).off('exit', end);
    };
    const idle: IdleWorker = { worker, release };
    worker.on('error', end).on('exit', end);
    this.#idle.push(idle);
  }
}

const pool = new WorkerPool(Math.max(2, availableParallelism()));

/** Does a job in a worker thread. Waits for a free one. @throws what the job throws; cancelled when the signal fires first */
export async function runInWorker<K extends JobKind>(
  kind: K,
  job: ArchiveJobs[K]['job'],
  signal?: AbortSignal,
): Promise<ArchiveJobs[K]['result']> {
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const message: JobMessage = { kind, job, stop };
  const onAbort = () => {
    Atomics.store(stop, 0, 1);
    pool.withdraw(message, new LadingError('cancelled', 'archive work: cancelled', { cause: signal?.reason }));
  };
  if (signal?.aborted) throw new LadingError('cancelled', 'archive work: cancelled', { cause: signal.reason });
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return (await pool.run(message)) as ArchiveJobs[K]['result'];
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
}
