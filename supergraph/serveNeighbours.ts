import { startNeighbours } from './neighbours.ts';

/** The owners of orders and products in a container: reachable from the others, ended by a signal. */
const neighbours = await startNeighbours({ orders: 4002, products: 4003, host: '0.0.0.0' });
console.log(`orders ${neighbours.orders.url}, products ${neighbours.products.url}`);
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
