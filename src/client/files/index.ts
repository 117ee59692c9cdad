/** Files between a client and its daemon: the context a build is sent, the outputs it sends back, written whole or not at all. */
export { checkDestinations, streamToFile, type ReceiveOptions } from './receive-exports.ts';
export { ReceivedExports } from './received-exports.ts';
export { tarOfFolder } from './folder-tar.ts';
