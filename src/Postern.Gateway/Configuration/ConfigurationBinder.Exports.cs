using System.Collections.Immutable;
using System.Globalization;
using Postern.Gateway.Exports;

namespace Postern.Gateway.Configuration;

/// <summary>The part that binds <c>exports</c>.</summary>
internal sealed partial class ConfigurationBinder
{
    private ExportOptions? Export(string name, Reader export)
    {
        ExportTarget? target = export.Text("type") switch
        {
            "syslog" => Syslog(export),
            "http" => Url(export) is { } url ? new ExportTarget.Http(url, export.Text("shape") switch { "hec" => HttpShape.Hec, "array" => HttpShape.Array, _ => HttpShape.Lines }, ExportCredential(export), export.Section("tls").Path("ca")) : null,
            "otlp" => Url(export) is { } url ? new ExportTarget.Otlp(url, ExportCredential(export), export.Section("tls").Path("ca")) : null,
            _ => null,
        };
        if (target is null) return null;
        var events = ExportKinds.None;
        foreach (var kind in export.List("events"))
        {
            events |= kind switch { "decisions" => ExportKinds.Decisions, "holds" => ExportKinds.Holds, "administration" => ExportKinds.Administration, "all" => ExportKinds.All, _ => ExportKinds.None };
        }
        return new ExportOptions
        {
            Name = name,
            Target = target,
            Events = events,
            HasContent = export.Text("content") == "true",
            IsRequired = export.Text("required") == "true",
            MaxLag = export.Size("maxLag") ?? new ExportOptions { Name = "", Target = target }.MaxLag,
        };
    }

    private TelemetryOptions? Telemetry(Reader top)
    {
        if (!top.Has("telemetry")) return null;
        var telemetry = top.Section("telemetry");
        if (telemetry.Text("url") is not { } url) return null;
        var percent = 0;
        if (telemetry.Text("sample") is { } sample && !(sample.EndsWith('%') && int.TryParse(sample.AsSpan(0, sample.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out percent) && percent <= 100))
        {
            problems.Add((telemetry.Find("sample") ?? telemetry.Node).Problem($"expected a share such as `0%`, `10%` or `100%`, found `{sample}`"));
        }
        return new TelemetryOptions(url) { SamplePercent = percent, Credential = ExportCredential(telemetry), Authorities = telemetry.Section("tls").Path("ca") };
    }

    private ExportTarget.Syslog? Syslog(Reader export)
    {
        foreach (var foreign in (ReadOnlySpan<string>)["url", "shape", "credential"])
        {
            if (export.Find(foreign) is { } node) problems.Add(node.Problem($"`{foreign}` is nothing that syslog has; remove it"));
        }
        if (export.Text("server") is not { } server)
        {
            problems.Add(export.Node.Problem("an export of type `syslog` needs `server`, as `host:port`"));
            return null;
        }
        var colon = server.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(server.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) || port == 0)
        {
            problems.Add((export.Find("server") ?? export.Node).Problem($"expected `host:port`, found `{server}`"));
            return null;
        }
        var tls = export.Section("tls");
        return new ExportTarget.Syslog(server[..colon].Trim('[', ']'), port, tls.Text("mode") != "off", tls.Path("ca"), export.Text("format") == "cef" ? SyslogFormat.Cef : SyslogFormat.Json);
    }

    private string? Url(Reader export)
    {
        foreach (var foreign in (ReadOnlySpan<string>)["server", "format"])
        {
            if (export.Find(foreign) is { } node) problems.Add(node.Problem($"`{foreign}` belongs to type `syslog`; remove it"));
        }
        if (export.Section("tls").Find("mode") is { } mode) problems.Add(mode.Problem("`tls.mode` belongs to type `syslog`; the URL says whether TLS is spoken"));
        if (!export.Has("url")) problems.Add(export.Node.Problem($"an export of type `{export.Text("type")}` needs `url`"));
        return export.Text("url");
    }

    private CredentialOptions? ExportCredential(Reader export)
    {
        if (!export.Has("credential")) return null;
        var credential = export.Section("credential");
        var value = Secret(credential, "value");
        if (value is null && !credential.Has("value") && !credential.Has("valueFile")) problems.Add(credential.Node.Problem("a credential needs `value` or `valueFile`"));
        return value is null ? null : new CredentialOptions(credential.Text("header")!, value);
    }
}
