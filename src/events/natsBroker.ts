import {
  jetstream,
  type JetStreamManager,
  jetstreamManager,
  JetStreamApiCodes,
  JetStreamApiError,
} from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import { OperatorError } from '../work/operatorError.ts';
import type { CloudEvent } from './cloudEvent.ts';
import type { NatsServers } from './natsUrls.ts';
import type { Broker } from './streamPublisher.ts';

/** The subjects of a stream that the service makes. */
const SUBJECTS = ['order_item.>'];

/** The types of events, which are their subjects. */
const TYPES = ['order_item.cancelled', 'order_item.partially_cancelled'];

const CONNECT_TIMEOUT_MS = 5_000;

/** How long the broker can take to acknowledge an event. */
const ACK_TIMEOUT_MS = 2_000;

/**
 * Connects to a NATS server with JetStream, and makes the stream if it is missing. A connection that is lost stays closed: the
 * client would keep events for its next one, and send them after those that another instance has published meanwhile.
 *
 * @param stream the name of the stream.
 * @throws OperatorError if the stream lacks the subject of an event, or an error of the client.
 */
export async function connectToNats({ urls, credentials }: NatsServers, stream: string): Promise<Broker> {
  const connection = await connect({
    servers: [...urls],
    ...credentials,
    ...(urls.some((url) => url.startsWith('tls:')) ? { tls: {} } : {}),
    name: 'order-items',
    timeout: CONNECT_TIMEOUT_MS,
    reconnect: false,
  });
  try {
    await requireStream(await jetstreamManager(connection, { timeout: CONNECT_TIMEOUT_MS }), stream);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return {
    publish: createPublish(connection, stream),
    isClosed: () => connection.isClosed(),
    close: () => connection.close(),
  };
}

function createPublish(connection: NatsConnection, stream: string): Broker['publish'] {
  const client = jetstream(connection, { timeout: ACK_TIMEOUT_MS });
  return async (event: CloudEvent) => {
    // A stream ignores an id that it had within its duplicate window, by default two minutes.
    const { duplicate } = await client.publish(event.type, JSON.stringify(event), {
      msgID: event.id,
      timeout: ACK_TIMEOUT_MS,
      expect: { streamName: stream },
    });
    return duplicate ? 'duplicate' : 'stored';
  };
}

async function requireStream({ streams }: JetStreamManager, name: string): Promise<void> {
  if ((await nullIfMissing(streams.info(name))) === null) await streams.add({ name, subjects: SUBJECTS });
  for (const type of TYPES) {
    if ((await nullIfMissing(streams.find(type))) !== name) {
      throw new OperatorError(`The stream ${name} lacks the subject ${type}. Add ${SUBJECTS.join()} to its subjects.`);
    }
  }
}

async function nullIfMissing<T>(found: Promise<T>): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.StreamNotFound) return null;
    throw error;
  }
}
