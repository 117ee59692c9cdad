export { VolumeStore, type VolumeRecord } from './volume-store.ts';
