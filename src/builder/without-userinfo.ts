/** Text with http addresses in it, for histories, records and logs: without the user and password of any. A password may hold "@". */
export function withoutUserinfo(text: string): string {
  return text.replace(/(\bhttps?:\/\/)[^\s/?#"']*@/gi, '$1');
}
