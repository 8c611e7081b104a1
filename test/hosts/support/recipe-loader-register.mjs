import { register } from 'node:module';

register('./recipe-loader.mjs', import.meta.url);
