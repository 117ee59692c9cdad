export * from './constants.ts';
export * from './libc.ts';
