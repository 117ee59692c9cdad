export { DEFAULT_PROFILE } from './default-profile.ts';
export { evaluateSeccomp, seccompHost, type SeccompHost } from './evaluate.ts';
export { parseSeccompProfile, type SeccompCondition, type SeccompProfile, type SeccompRule } from './profile.ts';
