/** A real grpc-js server on port 0 with handlers of raw bytes, for tests of the transport. */
import { Server, ServerCredentials, type sendUnaryData, type ServerUnaryCall, type ServerWritableStream } from '@grpc/grpc-js';

export type VStreamHandler = (call: ServerWritableStream<Buffer, Buffer>) => void;
export type ExecuteHandler = (call: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>) => void;

export interface TestServer {
  readonly port: number;
  readonly address: string;
  close(): Promise<void>;
}

const asIs = (bytes: Buffer): Buffer => bytes;

export interface TestServerOptions {
  readonly vstream?: VStreamHandler;
  readonly execute?: ExecuteHandler;
  readonly credentials?: ServerCredentials;
  readonly host?: string;
  readonly port?: number;
}

export async function startServer(options: TestServerOptions): Promise<TestServer> {
  const server = new Server({ 'grpc.max_send_message_length': -1 });
  const definition = {
    requestStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  server.addService(
    {
      VStream: { ...definition, path: '/vtgateservice.Vitess/VStream', responseStream: true },
      Execute: { ...definition, path: '/vtgateservice.Vitess/Execute', responseStream: false },
    },
    {
      ...(options.vstream ? { VStream: options.vstream } : {}),
      ...(options.execute ? { Execute: options.execute } : {}),
    },
  );
  const host = options.host ?? '127.0.0.1';
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${host}:${options.port ?? 0}`, options.credentials ?? ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return {
    port,
    address: `${host}:${port}`,
    async close() {
      server.forceShutdown();
    },
  };
}
