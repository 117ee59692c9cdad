/** Text with http addresses in it, for histories, records and logs: without the user and password of any. A password may hold "@". */
export function withoutUserinfo(text: string): string {
  return text.replace(/(\bhttps?:\/\/)[^\s/?#"']*@/gi, '$1');
}

/** One address of any scheme, for records and names of builds: without its user and password. */
export function addressWithoutUserinfo(address: string): string {
  return address.replace(/\/\/[^/?#]*@/, '//');
}
