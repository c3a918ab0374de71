package weir.compat;

import static weir.compat.Tool.CLIENT_METRICS;
import static weir.compat.Tool.CONFIGS;

import java.util.Map;

/** kafka-configs and kafka-client-metrics. */
final class ToolConfigScenes {
    private final ToolSuite suite;
    private final Cluster cluster;

    ToolConfigScenes(ToolSuite suite) {
        this.suite = suite;
        cluster = suite.cluster;
    }

    void register() {
        suite.scene("configs_topic_describe", this::describeTopic);
        suite.scene("configs_topic_alter", this::alterTopic);
        suite.scene("configs_topic_refused", this::refuseTopic);
        suite.brokerScene("configs_broker_describe", this::describeBroker);
        suite.brokerScene("configs_broker_alter", this::alterBroker);
        suite.brokerScene("configs_broker_refused", this::refuseBroker);
        suite.brokerScene("configs_broker_loggers", this::loggers);
        suite.scene("configs_clients", scene -> quotas(scene, "client", "clients"));
        suite.scene("configs_users", scene -> quotas(scene, "user", "users"));
        suite.scene("configs_ips", this::ips);
        suite.scene("configs_scram", this::scram);
        suite.scene("configs_client_metrics", this::metricsByConfigs);
        suite.scene("configs_groups", this::groups);
        suite.scene("configs_usage", this::usage);
        suite.scene("client_metrics", this::metrics);
        suite.scene("client_metrics_refused", this::metricsRefused);
    }

    private void describeTopic(ToolScene scene) throws Exception {
        String topic = cluster.topic("c-describe", 1, Map.of("retention.ms", "3600000", "cleanup.policy", "compact"));
        scene.run(CONFIGS, "--describe", "--entity-type", "topics", "--entity-name", topic)
                .says("retention.ms=3600000", "cleanup.policy=compact");
        scene.run(CONFIGS, "--describe", "--topic", topic).says("retention.ms=3600000");
        scene.run(CONFIGS, "--describe", "--topic", topic, "--all").says("segment.bytes=1073741824");
        scene.run(CONFIGS, "--describe", "--entity-type", "topics").only("c-describe").says("c-describe");
        scene.run(CONFIGS, "--describe", "--topic", "no-such-topic").says("doesn't exist|Exception");
        scene.run(CONFIGS, "--describe", "--topic", "bad name!").says("invalid");
        String plain = cluster.topic("c-plain", 1);
        scene.run(CONFIGS, "--describe", "--topic", plain).says("Dynamic configs for topic");
    }

    private void alterTopic(ToolScene scene) throws Exception {
        String topic = cluster.topic("c-alter", 1);
        scene.run(CONFIGS, "--alter", "--topic", topic, "--add-config",
                "retention.ms=1000000,cleanup.policy=[compact,delete],max.message.bytes=5000").says("Completed");
        scene.run(CONFIGS, "--describe", "--topic", topic).says("cleanup.policy=compact,delete");
        scene.run(CONFIGS, "--alter", "--topic", topic, "--add-config", "retention.ms=2000000", "--delete-config",
                "max.message.bytes").says("Completed");
        scene.run(CONFIGS, "--describe", "--topic", topic).says("retention.ms=2000000");
        String file = scene.file("configs.properties", "segment.ms=600000\nindex.interval.bytes=8192\n");
        scene.run(CONFIGS, "--alter", "--topic", topic, "--add-config-file", file).says("Completed");
        scene.run(CONFIGS, "--describe", "--topic", topic).says("segment.ms=600000", "index.interval.bytes=8192");
        scene.run(CONFIGS, "--alter", "--topic", topic, "--delete-config", "segment.ms,index.interval.bytes")
                .says("Completed");
        scene.run(CONFIGS, "--alter", "--topic", topic, "--add-config",
                "leader.replication.throttled.replicas=[0:1],follower.replication.throttled.replicas=*")
                .says("Completed");
        scene.run(CONFIGS, "--describe", "--topic", topic).says("leader.replication.throttled.replicas=0:1");
    }

    private void refuseTopic(ToolScene scene) throws Exception {
        String topic = cluster.topic("c-refused", 1);
        scene.run(CONFIGS, "--alter", "--topic", topic, "--add-config", "no.such.config=1")
                .says("InvalidConfigurationException");
        scene.run(CONFIGS, "--alter", "--topic", topic, "--add-config", "retention.ms=soon")
                .says("InvalidConfigurationException");
        scene.run(CONFIGS, "--alter", "--topic", topic, "--add-config", "min.cleanable.dirty.ratio=2")
                .says("InvalidConfigurationException");
        scene.run(CONFIGS, "--alter", "--topic", topic, "--add-config", "compression.type=brotli")
                .says("InvalidConfigurationException");
        scene.run(CONFIGS, "--alter", "--topic", topic, "--add-config", "retention.ms=5,max.message.bytes=-1")
                .says("InvalidConfigurationException");
        scene.run(CONFIGS, "--alter", "--topic", topic, "--delete-config", "retention.ms")
                .says("Invalid config|Completed");
        scene.run(CONFIGS, "--alter", "--topic", topic, "--delete-config", "no.such.config")
                .says("Invalid config|Exception|Completed");
        scene.run(CONFIGS, "--describe", "--topic", topic).says("Dynamic configs");
        scene.run(CONFIGS, "--alter", "--topic", "no-such-topic", "--add-config", "retention.ms=1000000")
                .says("UnknownTopicOrPartitionException|doesn't exist");
    }

    private void describeBroker(ToolScene scene) throws Exception {
        scene.run(CONFIGS, "--describe", "--broker", "1").only("Dynamic configs").says("Dynamic configs for broker 1");
        scene.run(CONFIGS, "--describe", "--entity-type", "brokers", "--entity-name", "1").only("Dynamic configs")
                .says("Dynamic");
        scene.run(CONFIGS, "--describe", "--broker-defaults").only("efault configs").says("Default configs for brokers");
        scene.run(CONFIGS, "--describe", "--entity-type", "brokers", "--entity-default").only("efault configs")
                .says("Default");
        scene.run(CONFIGS, "--describe", "--entity-type", "brokers").only("onfigs for").says("for broker 1");
        scene.run(CONFIGS, "--describe", "--broker", "1", "--all").without("log.cleaner.backoff.ms|background.threads")
                .says("message.max.bytes=1048588", "node.id=1");
        scene.run(CONFIGS, "--describe", "--broker", "99").says("doesn't exist");
        scene.run(CONFIGS, "--describe", "--broker", "one").says("must be");
    }

    private void alterBroker(ToolScene scene) throws Exception {
        String own = "log.cleaner.backoff.ms";
        String common = "background.threads";
        scene.run(CONFIGS, "--alter", "--broker", "1", "--add-config", own + "=16000").says("Completed");
        cluster.awaitBrokerConfig(own, "16000");
        scene.run(CONFIGS, "--describe", "--broker", "1").says(own + "=16000 .*DYNAMIC_BROKER_CONFIG");
        scene.run(CONFIGS, "--describe", "--broker", "1", "--all").only(own).says(own + "=16000");
        scene.run(CONFIGS, "--alter", "--broker", "1", "--delete-config", own).says("Completed");
        cluster.awaitBrokerConfig(own, "15000");
        scene.run(CONFIGS, "--describe", "--broker", "1").says("Dynamic configs");
        scene.run(CONFIGS, "--alter", "--broker-defaults", "--add-config", common + "=11").says("Completed");
        cluster.awaitBrokerConfig(common, "11");
        scene.run(CONFIGS, "--describe", "--broker-defaults").says(common + "=11");
        scene.run(CONFIGS, "--describe", "--broker", "1", "--all").only(common).says(common + "=11");
        scene.run(CONFIGS, "--alter", "--broker-defaults", "--delete-config", common).says("Completed");
        cluster.awaitBrokerConfig(common, "10");
        scene.run(CONFIGS, "--describe", "--broker-defaults").says("Default configs");
    }

    private void refuseBroker(ToolScene scene) throws Exception {
        scene.run(CONFIGS, "--alter", "--broker", "1", "--add-config", "log.dirs=/tmp/other")
                .says("InvalidRequestException|InvalidConfigurationException");
        scene.run(CONFIGS, "--alter", "--broker", "1", "--add-config", "background.threads=many")
                .says("InvalidRequestException|InvalidConfigurationException");
        scene.run(CONFIGS, "--alter", "--broker", "1", "--add-config", "background.threads=0")
                .says("InvalidRequestException|InvalidConfigurationException");
        scene.run(CONFIGS, "--alter", "--broker-defaults", "--add-config", "log.retention.ms=soon")
                .says("InvalidRequestException|InvalidConfigurationException");
        scene.run(CONFIGS, "--alter", "--broker", "1", "--delete-config", "background.threads")
                .says("Invalid config|Completed");
    }

    private void loggers(ToolScene scene) throws Exception {
        scene.run(CONFIGS, "--describe", "--broker-logger", "1").only("Dynamic configs|root=").says("broker-logger 1");
        scene.run(CONFIGS, "--alter", "--broker-logger", "1", "--add-config", "root=WARN").says("Completed");
        scene.run(CONFIGS, "--describe", "--broker-logger", "1").only("root=").says("root=WARN");
        scene.run(CONFIGS, "--alter", "--broker-logger", "1", "--add-config", "root=LOUD").says("Exception");
        scene.run(CONFIGS, "--alter", "--broker-logger", "1", "--add-config", "no.such.logger=INFO").says("Exception|Invalid");
        scene.run(CONFIGS, "--alter", "--broker-logger", "1", "--delete-config", "root").says("Exception|Completed");
        scene.run(CONFIGS, "--alter", "--broker-logger", "1", "--add-config", "root=INFO").says("Completed");
        scene.run(CONFIGS, "--describe", "--broker-logger", "99").says("doesn't exist");
    }

    private void quotas(ToolScene scene, String one, String many) throws Exception {
        String name = cluster.name(one);
        scene.run(CONFIGS, "--describe", "--" + one, name).saysNothing();
        scene.run(CONFIGS, "--describe", "--entity-type", many).only(name).saysNothing();
        scene.run(CONFIGS, "--describe", "--" + one + "-defaults").saysNothing();
        scene.run(CONFIGS, "--alter", "--" + one, name, "--add-config", "producer_byte_rate=1048576").says("Completed");
        scene.run(CONFIGS, "--describe", "--" + one, name).says("producer_byte_rate=1048576");
        scene.run(CONFIGS, "--alter", "--" + one, name, "--delete-config", "producer_byte_rate").says("Completed");
        scene.run(CONFIGS, "--alter", "--" + one, name, "--add-config", "no_such_rate=1").says("Unexpected config names");
        scene.run(CONFIGS, "--describe", "--" + one, name).saysNothing();
    }

    private void ips(ToolScene scene) throws Exception {
        scene.run(CONFIGS, "--describe", "--ip", "10.1.2.3").saysNothing();
        scene.run(CONFIGS, "--describe", "--ip-defaults").saysNothing();
        scene.run(CONFIGS, "--alter", "--ip", "10.1.2.3", "--add-config", "connection_creation_rate=100")
                .says("Completed");
        scene.run(CONFIGS, "--describe", "--entity-type", "ips").says("connection_creation_rate=100");
        scene.run(CONFIGS, "--alter", "--ip", "10.1.2.3", "--delete-config", "connection_creation_rate")
                .says("Completed");
    }

    private void scram(ToolScene scene) throws Exception {
        String user = cluster.name("scram");
        scene.run(CONFIGS, "--alter", "--user", user, "--add-config", "SCRAM-SHA-256=[iterations=4096,password=p]")
                .says("Completed");
        scene.run(CONFIGS, "--describe", "--user", user).says("SCRAM-SHA-256=iterations=4096");
        scene.run(CONFIGS, "--alter", "--user", user, "--delete-config", "SCRAM-SHA-256").says("Completed");
    }

    private void metricsByConfigs(ToolScene scene) throws Exception {
        String name = cluster.name("m-configs");
        scene.run(CONFIGS, "--alter", "--client-metrics", name, "--add-config",
                "metrics=[org.apache.kafka.producer.,org.apache.kafka.consumer.],interval.ms=60000,"
                + "match=[client_id=none-.*]").says("Completed");
        awaitMetrics(name);
        scene.run(CONFIGS, "--describe", "--client-metrics", name).says("interval.ms=60000");
        scene.run(CONFIGS, "--describe", "--entity-type", "client-metrics").only("m-configs").says("m-configs");
        scene.run(CONFIGS, "--alter", "--client-metrics", name, "--delete-config", "interval.ms").says("Completed");
        scene.run(CONFIGS, "--alter", "--client-metrics", name, "--add-config", "interval.ms=1")
                .says("InvalidRequestException|InvalidConfigurationException");
        scene.run(CONFIGS, "--alter", "--client-metrics", name, "--add-config", "no.such=1")
                .says("InvalidRequestException|InvalidConfigurationException");
        scene.run(CONFIGS, "--describe", "--client-metrics", cluster.name("m-none")).says("doesn't exist");
    }

    private void awaitMetrics(String name) throws Exception {
        Expect.eventually("client metrics " + name, () -> cluster.admin.listConfigResources(
                java.util.Set.of(org.apache.kafka.common.config.ConfigResource.Type.CLIENT_METRICS),
                new org.apache.kafka.clients.admin.ListConfigResourcesOptions()).all().get().stream()
                .anyMatch(resource -> resource.name().equals(name)));
    }

    private void groups(ToolScene scene) throws Exception {
        String group = cluster.name("c-group");
        scene.run(CONFIGS, "--describe", "--group", group).says("doesn't exist");
        scene.run(CONFIGS, "--alter", "--group", group, "--add-config",
                "consumer.session.timeout.ms=50000,consumer.heartbeat.interval.ms=6000").says("Completed");
        scene.run(CONFIGS, "--describe", "--group", group).says("consumer.session.timeout.ms=50000");
        scene.run(CONFIGS, "--describe", "--group", group, "--all").says("consumer.heartbeat.interval.ms=6000");
        scene.run(CONFIGS, "--describe", "--entity-type", "groups").only("c-group").says("c-group");
        scene.run(CONFIGS, "--alter", "--group", group, "--add-config", "consumer.session.timeout.ms=1")
                .says("Exception");
        scene.run(CONFIGS, "--alter", "--group", group, "--add-config", "consumer.heartbeat.interval.ms=long")
                .says("Exception");
        scene.run(CONFIGS, "--alter", "--group", group, "--add-config", "no.such=1").says("Exception");
        scene.run(CONFIGS, "--alter", "--group", group, "--delete-config", "consumer.session.timeout.ms")
                .says("Completed");
        scene.run(CONFIGS, "--describe", "--group", group).says("consumer.heartbeat.interval.ms=6000");
    }

    private void usage(ToolScene scene) throws Exception {
        scene.run(CONFIGS, "--describe").only("entity|exit").says("entity");
        scene.run(CONFIGS, "--describe", "--entity-type", "planets").only("planets|exit").says("planets");
        scene.run(CONFIGS, "--alter", "--topic", "x").only("^At least|exit").says("At least one of");
    }

    private void metrics(ToolScene scene) throws Exception {
        String name = cluster.name("m-tool");
        scene.run(CLIENT_METRICS, "--alter", "--name", name, "--metrics", "org.apache.kafka.producer.", "--interval",
                "30000", "--match", "client_id=none-.*,client_software_name=apache-kafka-java").says("Altered");
        awaitMetrics(name);
        scene.run(CLIENT_METRICS, "--list").only("m-tool").says("m-tool");
        scene.run(CLIENT_METRICS, "--describe", "--name", name).says("interval.ms=30000", "metrics=");
        scene.run(CLIENT_METRICS, "--describe").only("m-tool").says("m-tool");
        scene.run(CLIENT_METRICS, "--alter", "--name", name, "--interval", "").says("Altered");
        scene.run(CLIENT_METRICS, "--describe", "--name", name).says("metrics=");
        scene.run(CLIENT_METRICS, "--alter", "--generate-name", "--metrics", "", "--interval", "100000")
                .mask("config for \\S{22}\\.", "config for <name>.").says("Altered");
        scene.run(CLIENT_METRICS, "--delete", "--name", name).says("Deleted");
        Expect.eventually("client metrics are gone", () -> !ToolRun.run(Tool.CLIENT_METRICS.main, "",
                Tool.CLIENT_METRICS.arguments(cluster.bootstrap, "--list")).contains(name));
        scene.run(CLIENT_METRICS, "--list").only("m-tool").saysNothing();
    }

    private void metricsRefused(ToolScene scene) throws Exception {
        String name = cluster.name("m-refused");
        scene.run(CLIENT_METRICS, "--alter", "--name", name, "--interval", "10").says("Exception");
        scene.run(CLIENT_METRICS, "--alter", "--name", name, "--interval", "often").says("Exception");
        scene.run(CLIENT_METRICS, "--alter", "--name", name, "--match", "planet=mars").says("Exception");
        scene.run(CLIENT_METRICS, "--alter", "--name", name, "--match", "client_id=[").says("Exception");
        scene.run(CLIENT_METRICS, "--describe", "--name", name).says("client metric");
        scene.run(CLIENT_METRICS, "--delete", "--name", name).says("Deleted|Exception|client metric");
        scene.run(CLIENT_METRICS, "--alter").only("issing|pecif|exit").says("name");
    }
}
