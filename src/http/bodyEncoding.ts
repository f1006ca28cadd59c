import type { IncomingHttpHeaders } from 'node:http';
import { Failure } from './failures.ts';

/** Names of UTF-8, and of ASCII, which is a part of it. */
const READABLE_CHARSETS: readonly string[] = ['utf-8', 'utf8', 'us-ascii'];

const MAX_NAME_LENGTH = 40;

/**
 * Looks for an encoding that the service does not read: a compressed body, or a charset other than UTF-8.
 *
 * @returns the failure `unsupported_media_type`, which names the encoding, or null if there is none.
 */
export function findUnsupportedEncoding(headers: IncomingHttpHeaders): Failure | null {
  const coding = headers['content-encoding']?.trim().toLowerCase();
  if (coding !== undefined && coding !== '' && coding !== 'identity') {
    const message = `The content encoding ${sanitize(coding)} is not supported. Send none.`;
    // RFC 9110, section 15.5.16, asks for Accept-Encoding.
    return new Failure('unsupported_media_type', message, { headers: { 'accept-encoding': 'identity' } });
  }
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(headers['content-type'] ?? '')?.[1]?.toLowerCase();
  if (charset === undefined || READABLE_CHARSETS.includes(charset)) return null;
  return new Failure('unsupported_media_type', `The charset ${sanitize(charset)} is not supported. Send UTF-8.`);
}

/** Makes a name safe for an answer, because the caller chooses it. */
function sanitize(name: string): string {
  return name.slice(0, MAX_NAME_LENGTH).replaceAll(/[^\w.+,-]/g, '?');
}
