/** Text with http addresses in it, for histories, records and logs: without the user and password of any. */
export function withoutUserinfo(text: string): string {
  return text.replace(/(\bhttps?:\/\/)[^\s/?#@"']*@/g, '$1');
}
