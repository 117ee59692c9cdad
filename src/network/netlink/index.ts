export { NetlinkSocket } from './netlink-socket.ts';
export * from './requests.ts';
export { findLink, listLinks, listSubnets, type Link } from './views.ts';
