import { lookup, Resolver } from 'node:dns/promises';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** An endpoint has an address that webhooks must not call. Its message completes "The endpoint cannot be used: ". */
export class RefusedAddress extends Error {
  readonly code = 'ERR_REFUSED_ADDRESS';

  constructor(reason: string) {
    super(reason);
    this.name = 'RefusedAddress';
  }
}

/** How many bytes of an IPv6 address come before the IPv4 address that it embeds. */
const EMBEDDED_AT: Readonly<Record<string, number>> = {
  // ::ffff:0:0/96
  ipv4Mapped: 12,
  // ::ffff:0:0:0/96
  rfc6145: 12,
  // 2002::/16
  '6to4': 2,
};

/** 64:ff9b::/96. The other prefix of NAT64, 64:ff9b:1::/48, is for local use. */
const NAT64 = ipaddr.parseCIDR('64:ff9b::/96') as [ipaddr.IPv6, number];

/** ::/96, deprecated. */
const IPV4_COMPATIBLE = ipaddr.parseCIDR('::/96') as [ipaddr.IPv6, number];

/** The only part of IPv6 that IANA has assigned to global unicast. */
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3') as [ipaddr.IPv6, number];

/**
 * Whether an IP address is globally routable unicast. An IPv6 address that embeds an IPv4 address counts as the latter, because
 * a gateway or the kernel sends it there.
 *
 * @see https://www.iana.org/assignments/iana-ipv6-special-registry
 */
function isGlobalAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed instanceof ipaddr.IPv4) return isGlobalIpv4(parsed);
  const embedded = findEmbedded(parsed);
  if (embedded !== null) return isGlobalIpv4(embedded);
  return parsed.range() === 'unicast' && parsed.match(GLOBAL_UNICAST);
}

/** 192.88.99.0/24 once led to relays of 6to4, which no longer exist. */
const RELAYS = ipaddr.parseCIDR('192.88.99.0/24') as [ipaddr.IPv4, number];

function isGlobalIpv4(address: ipaddr.IPv4): boolean {
  return address.range() === 'unicast' && !address.match(RELAYS);
}

function findEmbedded(address: ipaddr.IPv6): ipaddr.IPv4 | null {
  const at = address.match(NAT64) || address.match(IPV4_COMPATIBLE) ? 12 : EMBEDDED_AT[address.range()];
  return at === undefined ? null : new ipaddr.IPv4(address.toByteArray().slice(at, at + 4));
}

/** Finds the addresses of a name. */
export type LookUpName = (name: string) => Promise<readonly { readonly address: string; readonly family: number }[]>;

/** Reads /etc/hosts, too, but holds one of the process's four threads as long as a name server is silent. */
const lookUpLocally: LookUpName = (name) => lookup(name, { all: true });

/** How long a name server can be silent, and how often it is asked. */
const RESOLVER = { timeout: 2_000, tries: 2 };

/** Asks the name servers without a thread, so that a slow one delays neither other endpoints nor requests. */
const lookUpPublicly: LookUpName = async (name) => {
  const resolver = new Resolver(RESOLVER);
  const [v4, v6] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  if (v4.status === 'rejected' && v6.status === 'rejected') throw v4.reason;
  return [
    ...(v4.status === 'fulfilled' ? v4.value : []).map((address) => ({ address, family: 4 })),
    ...(v6.status === 'fulfilled' ? v6.value : []).map((address) => ({ address, family: 6 })),
  ];
};

/** The rules for the addresses of endpoints. */
export interface AddressRules {
  /** `WEBHOOK_ALLOW_PRIVATE`: lifts the rules for the protocol and for the address. */
  readonly allowPrivate: boolean;
  /** The name servers of the machine, unless a test has others. */
  readonly lookUp?: LookUpName;
}

/**
 * Checks what a URL says by itself. `URL` turns each spelling of an IPv4 address, such as octal or one number, into dots.
 *
 * @throws RefusedAddress
 */
export function parseEndpointUrl(text: string, { allowPrivate }: AddressRules): URL {
  const url = URL.parse(text);
  if (url === null) throw new RefusedAddress('it is not a URL');
  if (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:')) {
    throw new RefusedAddress('its URL must begin with https://');
  }
  if (url.username !== '' || url.password !== '') {
    throw new RefusedAddress('its URL must hold no user name and no password');
  }
  const address = readAddress(url);
  if (address !== null && !allowPrivate && !isGlobalAddress(address)) throw refuse(address);
  return url;
}

/** Returns the address that a URL names instead of a host, or null. */
function readAddress({ hostname }: URL): string | null {
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  return ipaddr.isValid(address) ? address : null;
}

/**
 * Checks a URL and the addresses of its name as they are now. Each connection checks them again.
 *
 * @throws RefusedAddress
 */
export async function checkEndpoint(text: string, rules: AddressRules): Promise<URL> {
  const url = parseEndpointUrl(text, rules);
  if (!rules.allowPrivate && readAddress(url) === null) await findAllowed(url.hostname, rules);
  return url;
}

/**
 * Makes the lookup of a connection. The addresses that it has checked are those that the connection uses, which prevents DNS
 * rebinding. The lookup is not called for a URL with an address, so {@link parseEndpointUrl} has to check that one.
 */
export function createCheckedLookup(rules: AddressRules): LookupFunction {
  return (name, options, callback) => {
    findAllowed(name, rules).then(
      (found) => {
        const usable = found.filter(({ family }) => !options.family || options.family === family);
        const [first = { address: '', family: 0 }] = usable;
        if (options.all === true) callback(null, [...usable]);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => {
        callback(error as NodeJS.ErrnoException, '', 0);
      },
    );
  };
}

/** @throws RefusedAddress if a single address of the name is refused, so that no answer depends on their order. */
async function findAllowed(name: string, rules: AddressRules): ReturnType<LookUpName> {
  const { allowPrivate, lookUp = allowPrivate ? lookUpLocally : lookUpPublicly } = rules;
  const found = await lookUp(name).catch((error: unknown) => {
    throw new RefusedAddress(`its name ${name} has no address (${describeCode(error)})`);
  });
  const refused = found.find(({ address }) => !isGlobalAddress(address));
  if (refused !== undefined && !allowPrivate) throw refuse(refused.address);
  return found;
}

function describeCode(error: unknown): string {
  return Error.isError(error) && 'code' in error ? String(error.code) : 'unknown';
}

function refuse(address: string): RefusedAddress {
  return new RefusedAddress(`its address ${address} is not public`);
}
