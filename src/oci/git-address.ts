/** "git@host:path", "user@host:path.git": scp's way of writing an ssh address. */
const SCP = /^(?:git@[\w.-]+|[\w.-]+@[\w.-]+):[^/\s][^\s]*$/;

/**
 * Whether a build context, an ADD source or a named context is a Git repository, as Docker decides it: the schemes git and ssh, "git@host:…",
 * "github.com/…", and http addresses whose path ends with ".git".
 */
export function isGitAddress(text: string): boolean {
  if (/^(?:git|ssh):\/\//.test(text) || text.startsWith('github.com/') || SCP.test(text)) return true;
  return /^https?:\/\/[^?#]*\.git(?:[?#]|$)/.test(text);
}
