export { fixDockerfile, pinnableImages, type FixNote, type FixOptions, type FixResult } from './fix-dockerfile.ts';
