import com.sun.management.OperatingSystemMXBean;
import io.debezium.embedded.Connect;
import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.DebeziumEngine.RecordCommitter;
import java.io.IOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;

/**
 * Copies one table through Debezium Vitess and says what that cost: {@code Peer HOST PORT KEYSPACE TABLE ROWS SECONDS}.
 *
 * <p>The last line of standard output is JSON. "whole" is what came after the first row, "warm" the second half of the rows, when the
 * JVM has compiled what is hot. CPU is user and system time of the process, garbage collection and compiler threads included.
 */
public final class Peer {
    private static final OperatingSystemMXBean PROCESS = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    public static void main(String[] args) throws Exception {
        String table = args[3];
        long rows = Long.parseLong(args[4]);
        long seconds = Long.parseLong(args[5]);
        Path offsets = Files.createTempFile("debezium-peer", ".offsets");
        offsets.toFile().deleteOnExit();
        Handler handler = new Handler(rows);
        DebeziumEngine<ChangeEvent<SourceRecord, SourceRecord>> engine = DebeziumEngine.create(Connect.class)
                .using(properties(args[0], args[1], args[2], table, offsets))
                .notifying(handler)
                .using((success, message, error) -> handler.failed(message, error))
                .build();
        Executors.newSingleThreadExecutor().execute(engine);
        int exit = 1;
        try {
            handler.done.get(seconds, TimeUnit.SECONDS);
            System.out.println(handler.report());
            exit = 0;
            engine.close();
        } catch (Exception failure) {
            System.err.println("Debezium delivered " + handler.count + " of " + rows + " rows of " + table + ": " + failure);
        } finally {
            // Threads of the engine and of gRPC outlive it.
            System.exit(exit);
        }
    }

    private static Properties properties(String host, String port, String keyspace, String table, Path offsets) {
        Properties it = new Properties();
        it.setProperty("name", "bench");
        it.setProperty("connector.class", "io.debezium.connector.vitess.VitessConnector");
        it.setProperty("tasks.max", "1");
        it.setProperty("topic.prefix", "bench");
        it.setProperty("offset.storage", "org.apache.kafka.connect.storage.FileOffsetBackingStore");
        it.setProperty("offset.storage.file.filename", offsets.toString());
        it.setProperty("database.hostname", host);
        it.setProperty("database.port", port);
        it.setProperty("vitess.keyspace", keyspace);
        it.setProperty("vitess.tablet.type", "MASTER");
        it.setProperty("table.include.list", keyspace + "." + table);
        it.setProperty("snapshot.mode", "initial");
        it.setProperty("vitess.grpc.max_inbound_message_size", "67108864");
        // Larger batches and a shorter pause than its defaults (2,048 and 8,192 records, 500 ms), in Debezium's favour.
        it.setProperty("max.batch.size", "8192");
        it.setProperty("max.queue.size", "65536");
        it.setProperty("poll.interval.ms", "10");
        return it;
    }

    /** Counts records that carry a row, and takes the time at the first, the middle and the last one. */
    private static final class Handler implements DebeziumEngine.ChangeConsumer<ChangeEvent<SourceRecord, SourceRecord>> {
        final CompletableFuture<Void> done = new CompletableFuture<>();
        volatile long count;
        private final long rows;
        private Point first;
        private Point middle;
        private Point last;
        /** What a consumer makes of the data, so that nothing is optimised away. */
        private Object seen;

        Handler(long rows) {
            this.rows = rows;
        }

        @Override
        public void handleBatch(
                List<ChangeEvent<SourceRecord, SourceRecord>> records, RecordCommitter<ChangeEvent<SourceRecord, SourceRecord>> committer)
                throws InterruptedException {
            if (first == null) {
                first = Point.now(0);
            }
            if (middle == null && count >= rows / 2) {
                middle = Point.now(count);
            }
            long counted = count;
            for (ChangeEvent<SourceRecord, SourceRecord> event : records) {
                if (event.value().value() instanceof Struct value && value.schema().field("after") != null) {
                    seen = value.getStruct("after");
                    if (seen != null) {
                        counted++;
                    }
                }
                committer.markProcessed(event);
            }
            committer.markBatchFinished();
            count = counted;
            if (counted >= rows && last == null) {
                last = Point.now(counted);
                done.complete(null);
            }
        }

        void failed(String message, Throwable error) {
            done.completeExceptionally(new IOException(message, error));
        }

        String report() throws IOException {
            long collecting = 0;
            for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
                collecting += collector.getCollectionTime();
            }
            return String.format(
                    Locale.ROOT,
                    "{\"whole\":%s,\"warm\":%s,\"peakRssMb\":%.0f,\"collectingMs\":%d,\"seen\":%b}",
                    first.until(last), middle.until(last), peakRssMb(), collecting, seen != null);
        }
    }

    /** How many rows had come at a moment, and what the process had cost until then. */
    private record Point(long rows, long cpu, long time) {
        static Point now(long rows) {
            return new Point(rows, PROCESS.getProcessCpuTime(), System.nanoTime());
        }

        String until(Point end) {
            return String.format(
                    Locale.ROOT, "{\"rows\":%d,\"cpuUs\":%.0f,\"wallMs\":%.0f}", end.rows - rows, (end.cpu - cpu) / 1e3, (end.time - time) / 1e6);
        }
    }

    /** The highest resident size of this process, megabytes; -1 where the kernel does not tell. */
    private static double peakRssMb() throws IOException {
        Path status = Path.of("/proc/self/status");
        if (!Files.exists(status)) {
            return -1;
        }
        for (String line : Files.readAllLines(status)) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) / 1024.0;
            }
        }
        return -1;
    }
}
