export { type NatsBrokerOptions, natsBroker } from './broker/nats.broker.js';
