import { parentPort } from 'node:worker_threads';
import { LadingError } from '../errors/index.ts';
import { JOBS } from './worker/jobs.ts';
import { plainError, type JobMessage, type ReplyMessage } from './worker/protocol.ts';

/** Entry of an archive worker thread (bundled as dist/archive-worker.js). Takes jobs one after another until it is terminated. */
parentPort?.on('message', (message: JobMessage) => {
  void run(message).then((reply) => parentPort?.postMessage(reply));
});

async function run({ kind, job, stop }: JobMessage): Promise<ReplyMessage> {
  const checkStop = () => {
    if (Atomics.load(stop, 0) !== 0) throw new LadingError('cancelled', 'archive work: cancelled');
  };
  try {
    const work = JOBS[kind] as (job: unknown, checkStop: () => void) => Promise<unknown>;
    return { result: await work(job, checkStop) };
  } catch (error) {
    return { error: plainError(error) };
  }
}
