using static Postern.Gateway.Configuration.ConfigurationShape;

namespace Postern.Gateway.Configuration;

/// <summary>The keys of <c>exports</c>: where the journal is sent to.</summary>
internal static class ExportKeys
{
    public static Section Telemetry { get; } = new(
    [
        new("url", new Value(ValueKind.Url), "The collector's base URL for OTLP over HTTP; `/v1/traces` and `/v1/metrics` lie below it.") { IsRequired = true },
        new("sample", new Value(ValueKind.Text), "The share of traces that is sent. With `0%` no spans are made, and only metrics are sent.") { Default = "0%" },
        new("credential", new Section(
        [
            new("header", new Value(ValueKind.Text), "The header that carries it.") { Default = "Authorization" },
            new("value", new Value(ValueKind.Secret), "The header's whole value."),
            new("valueFile", new Value(ValueKind.Path), "A file that holds it instead."),
        ]), "What the gateway authenticates with there."),
        new("tls", new Section(
        [
            new("ca", new Value(ValueKind.Path), "The roots that the certificate must lead to, in PEM. Those of the system when absent."),
        ]), "Whom to trust there."),
    ]);

    public static Section Log { get; } = new(
    [
        new("format", new Value(ValueKind.Choice) { Choices = ["text", "json"] }, "`text`: a line for people. `json`: an object on each line.") { Default = "text" },
        new("level", new Value(ValueKind.Choice) { Choices = ["debug", "information", "warning", "error"] }, "The least that is logged. At every level a log holds ids and reasons, and no payload.") { Default = "information" },
    ]);

    public static Section Export { get; } = new(
    [
        new("type", new Value(ValueKind.Choice) { Choices = ["syslog", "http", "otlp"] }, "`syslog`: RFC 5424 over TCP or TLS. `http`: JSON by POST. `otlp`: OpenTelemetry logs over HTTP.") { IsRequired = true },
        new("server", new Value(ValueKind.Text), "For `syslog`: the receiver as `host:port`."),
        new("format", new Value(ValueKind.Choice) { Choices = ["json", "cef"] }, "For `syslog`: what stands behind the structured data.") { Default = "json" },
        new("url", new Value(ValueKind.Url), "For `http` and `otlp`: where to POST, with its path, such as `/services/collector/event` or `/v1/logs`."),
        new("shape", new Value(ValueKind.Choice) { Choices = ["lines", "array", "hec"] }, "For `http`: one event on each line, all in one array, or as Splunk's HTTP event collector takes them.") { Default = "lines" },
        new("credential", new Section(
        [
            new("header", new Value(ValueKind.Text), "The header that carries it.") { Default = "Authorization" },
            new("value", new Value(ValueKind.Secret), "The header's whole value, for example `Splunk …`."),
            new("valueFile", new Value(ValueKind.Path), "A file that holds it instead."),
        ]), "For `http` and `otlp`: what the gateway authenticates with there."),
        new("tls", new Section(
        [
            new("mode", new Value(ValueKind.Choice) { Choices = ["verify", "off"] }, "For `syslog`. `verify`: TLS, with a trusted certificate that has the host's name. `off`: in the clear, to loopback only.") { Default = "verify" },
            new("ca", new Value(ValueKind.Path), "The roots that the certificate must lead to, in PEM. Those of the system when absent."),
        ]), "Whom to trust there."),
        new("events", new ListOf(new Value(ValueKind.Choice) { Choices = ["decisions", "holds", "administration", "all"] }), "Which events: operations with their decisions and endings, and refused requests; questions to people and grants; changes, and reads of recordings; or all, with the journal's own checkpoints.") { Default = "all" },
        new("content", new Value(ValueKind.Switch), "`true`: requests and replies go with them, after masks. `false`: their lengths and digests alone.") { Default = "false" },
        new("required", new Value(ValueKind.Switch), "`true`: new work is refused while this sink is further behind than `maxLag`. `false`: readiness warns, and the log and the record say so.") { Default = "false" },
        new("maxLag", new Value(ValueKind.Size), "How many bytes of the journal the sink may be behind.") { Default = "1GiB" },
    ]);
}
