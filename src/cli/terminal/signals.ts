const FORWARDED = [
  'SIGINT',
  'SIGTERM',
  'SIGHUP',
  'SIGQUIT',
  'SIGUSR1',
  'SIGUSR2',
  'SIGCONT',
  'SIGALRM',
] as const satisfies readonly NodeJS.Signals[];

/** So many ends this process whatever the container does, as Docker's client. */
const FORCED_AFTER = 3;

/** Passes the signals this process gets to `send` instead of dying of them; the returned function stops that. */
export function forwardSignals(send: (signal: string) => Promise<void>): () => void {
  let terminations = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGINT' || signal === 'SIGTERM') terminations++;
    // A daemon that does not answer must not hold this process for ever.
    if (terminations >= FORCED_AFTER) {
      process.stderr.write(`got ${FORCED_AFTER} SIGTERM/SIGINTs, forcefully exiting\n`);
      process.exit(1);
    }
    send(signal).catch(() => undefined);
  };
  for (const signal of FORWARDED) process.on(signal, onSignal);
  return () => {
    for (const signal of FORWARDED) process.off(signal, onSignal);
  };
}
