import { register } from 'node:module';

register('./run-ts-loader.mjs', import.meta.url);
