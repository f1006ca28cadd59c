import { startNeighbors } from './neighbors.ts';

/** Runs the owners of orders and products in a container, reachable from other containers, until a signal. */
const neighbors = await startNeighbors({ orders: 4002, products: 4003, host: '0.0.0.0' });
console.log(`orders ${neighbors.orders.url}, products ${neighbors.products.url}`);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
