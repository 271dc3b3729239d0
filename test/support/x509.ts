/**
 * Certificates for TLS tests, made on the spot: a certificate authority and leaves with subject alternative names. Node signs
 * but cannot write X.509, so the few DER structures (RFC 5280) are built here. Never expires in a repository, holds no key.
 */
import { createSign, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';

export interface Identity {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  readonly ca: string;
  issue(names: { dns?: readonly string[]; ip?: readonly string[]; validFrom?: Date; validTo?: Date }): Identity;
}

const tlv = (tag: number, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  const length = body.length < 128 ? Buffer.from([body.length]) : longLength(body.length);
  return Buffer.concat([Buffer.from([tag]), length, body]);
};

function longLength(length: number): Buffer {
  const hex = length.toString(16).padStart(length > 255 ? 4 : 2, '0');
  const bytes = Buffer.from(hex, 'hex');
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes]);
}

const sequence = (...parts: readonly Uint8Array[]): Buffer => tlv(0x30, ...parts);
const oid = (hex: string): Buffer => tlv(0x06, Buffer.from(hex, 'hex'));
const octets = (body: Uint8Array): Buffer => tlv(0x04, body);
const TRUE = Buffer.from([0x01, 0x01, 0xff]);

const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'));
const COMMON_NAME = '550403';
const SUBJECT_ALT_NAME = '551d11';
const BASIC_CONSTRAINTS = '551d13';
const KEY_USAGE = '551d0f';

function commonName(text: string): Buffer {
  return sequence(tlv(0x31, sequence(oid(COMMON_NAME), tlv(0x0c, Buffer.from(text)))));
}

function time(date: Date): Buffer {
  // GeneralizedTime: YYYYMMDDHHMMSSZ
  return tlv(0x18, Buffer.from(`${date.toISOString().replace(/\D/g, '').slice(0, 14)}Z`));
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [TRUE] : []), octets(value));
}

interface Content {
  readonly subject: string;
  readonly issuer: string;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly from: Date;
  readonly to: Date;
  readonly extensions: readonly Buffer[];
}

function certificate({ subject, issuer, publicKey, signer, from, to, extensions }: Content): string {
  const serial = Buffer.concat([Buffer.from([0x01]), randomBytes(8)]);
  const toBeSigned = sequence(
    tlv(0xa0, tlv(0x02, Buffer.from([2]))),
    tlv(0x02, serial),
    ECDSA_WITH_SHA256,
    commonName(issuer),
    sequence(time(from), time(to)),
    commonName(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...extensions)),
  );
  const signature = createSign('sha256').update(toBeSigned).sign(signer);
  const der = sequence(toBeSigned, ECDSA_WITH_SHA256, tlv(0x03, Buffer.from([0]), signature));
  return `-----BEGIN CERTIFICATE-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`;
}

const YEAR = 365 * 86_400_000;
const yesterday = (): Date => new Date(Date.now() - 86_400_000);
const nextYear = (): Date => new Date(Date.now() + YEAR);

/** A self-signed authority with a name of its own. */
export function createAuthority(name = `test authority ${randomBytes(4).toString('hex')}`): Authority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ca = certificate({
    subject: name,
    issuer: name,
    publicKey: own.publicKey,
    signer: own.privateKey,
    from: yesterday(),
    to: nextYear(),
    extensions: [
      extension(BASIC_CONSTRAINTS, true, sequence(TRUE)),
      // keyCertSign and cRLSign
      extension(KEY_USAGE, true, tlv(0x03, Buffer.from([1, 0x06]))),
    ],
  });
  return {
    ca,
    issue({ dns = [], ip = [], validFrom = yesterday(), validTo = nextYear() }) {
      const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const names = [
        ...dns.map((one) => tlv(0x82, Buffer.from(one))),
        ...ip.map((one) => tlv(0x87, Buffer.from(one.split('.').map(Number)))),
      ];
      const cert = certificate({
        subject: dns[0] ?? ip[0] ?? 'client',
        issuer: name,
        publicKey: keys.publicKey,
        signer: own.privateKey,
        from: validFrom,
        to: validTo,
        extensions: names.length > 0 ? [extension(SUBJECT_ALT_NAME, false, sequence(...names))] : [],
      });
      return { cert, key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
    },
  };
}
