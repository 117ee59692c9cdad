export { attachTo } from './attach.ts';
