export { EmbeddedDns, type DnsMembership } from './embedded-dns.ts';
export { EMBEDDED_DNS_ADDRESS } from './netns-listener.ts';
