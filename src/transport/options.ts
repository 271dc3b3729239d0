/** What is needed to reach a VTGate. Layer 2, types only. */

/** A literal, the name of an environment variable, or a file whose trimmed content is the value. For secrets. */
export type Text = string | { readonly env: string } | { readonly file: string };

export interface TlsOptions {
  /** PEM of the certificate authorities to trust. Default: the system's. */
  readonly ca?: Text;
  /** PEM of the client certificate and key, for mTLS. Both or none. */
  readonly cert?: Text;
  readonly key?: Text;
  /** Name the server certificate must carry, when it differs from the host in `vtgate`. */
  readonly serverName?: string;
  /** Accept any certificate. For tests on loopback only. Default false. */
  readonly insecureSkipVerify?: boolean;
}

export type Auth =
  /** VTGate's static authentication: sent as the metadata `username` and `password` of each RPC. */
  | { readonly username: Text; readonly password: Text }
  /** Arbitrary metadata, or a function called for each RPC (tokens that expire). */
  | { readonly metadata: Readonly<Record<string, Text>> | (() => Record<string, string> | Promise<Record<string, string>>) };

/** The part of `SourceOptions` that concerns the connection. */
export interface ConnectOptions {
  /** `host:port` of one or more VTGates; tried in order, the next one after failures. */
  readonly vtgate: string | readonly string[];
  /** true: TLS with the system's authorities. Default: plain text. */
  readonly tls?: boolean | TlsOptions;
  readonly auth?: Auth;
  /** Effective caller as VTGate shows it; not authentication (G22). */
  readonly callerId?: string;
  /** Largest message accepted, in bytes. Default 64 MiB; the server's own limit is 16 MiB by default. */
  readonly maxMessageBytes?: number;
}
