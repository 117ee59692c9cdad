export { serveRegistry, type RunningRegistry, type RegistryServerOptions } from './serve-registry.ts';
export { hashPassword, type Users } from './basic-auth.ts';
