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

/** Passes the signals this process gets to `send` instead of dying of them; the returned function stops that. */
export function forwardSignals(send: (signal: string) => Promise<void>): () => void {
  const onSignal = (signal: NodeJS.Signals): void => void send(signal).catch(() => undefined);
  for (const signal of FORWARDED) process.on(signal, onSignal);
  return () => {
    for (const signal of FORWARDED) process.off(signal, onSignal);
  };
}
