type Sqlite = typeof import('node:sqlite');

/**
 * `node:sqlite` without its ExperimentalWarning: Node 22 emits it while loading the module,
 * so that warning, and only during the load, is dropped here.
 */
export const sqlite: Sqlite = load();

function load(): Sqlite {
  const emitWarning = process.emitWarning;
  const filtered = (...args: Parameters<typeof emitWarning>): void => {
    const [warning, type] = args as unknown as [unknown, unknown];
    if (type === 'ExperimentalWarning' && String(warning).startsWith('SQLite')) return;
    emitWarning.apply(process, args);
  };
  process.emitWarning = filtered as typeof emitWarning;
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}
