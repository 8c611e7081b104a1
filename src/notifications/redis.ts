export { type RedisBrokerOptions, redisBroker } from './broker/redis.broker.js';
