/** As Promise.all, but waits until nothing runs any more. @throws what failed first */
export async function settleAll<T>(work: readonly Promise<T>[]): Promise<T[]> {
  let first: { readonly error: unknown } | undefined;
  const noted = work.map((promise) =>
    promise.catch((error: unknown) => {
      first ??= { error };
      throw error;
    }),
  );
  await Promise.allSettled(noted);
  if (first) throw first.error;
  return Promise.all(noted);
}
