using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Protocols.Kubernetes.Wire;

namespace Postern.Protocols.Kubernetes.Foresight;

/// <summary>
/// What a held request would change, for the people who are asked: the object as it is, and as the API server says that it would be (<c>dryRun=All</c>), asked
/// with the credential that is lent. What cannot be found out is said, not guessed.
/// </summary>
internal sealed class Foreseen(KubernetesGateway gateway, KubernetesAsk held, Identity asker)
{
    // Server-side dry run is on in every API server since 1.13 and as it is now since 1.18; an older one would carry the request out.
    private const int LeastMinor = 18;

    private static readonly JsonWriterOptions s_indented = new() { Indented = true, IndentSize = 2, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The text; empty where there is nothing to foresee.</summary>
    public async ValueTask<ReadOnlyMemory<byte>> TakeAsync(CancellationToken cancellationToken) =>
        await TextAsync(cancellationToken).ConfigureAwait(false) is { } text ? Encoding.UTF8.GetBytes(text) : default(ReadOnlyMemory<byte>);

    private async ValueTask<string?> TextAsync(CancellationToken cancellationToken)
    {
        var info = held.Info;
        if (!info.IsResource || info.Verb is not ("create" or "update" or "patch" or "delete") || held.Query.Find("dryRun") is not null) return null;
        if (info.Subresource is not ("" or "status" or "scale")) return Unknown($"`{info.Subresource}` is not asked in advance");
        var resource = info.Group.Length == 0 ? info.Resource : $"{info.Resource}.{info.Group}";
        // An API server behind the API server may not know `dryRun`, and would do it.
        if (KnownResources.Find(resource) is null || info.Group.EndsWith("metrics.k8s.io", StringComparison.Ordinal)) return Unknown($"`{resource}` is no resource of Kubernetes' own, whose servers all know a dry run");
        // What reviews and bindings say has no state that could be compared.
        if (info.Resource.EndsWith("reviews", StringComparison.Ordinal) || info.Resource is "bindings") return null;
        var path = held.Request.Target.Split('?')[0];
        var before = "";
        if (info.Verb is not "create")
        {
            var (status, found) = await AskAsync(new KubernetesRequest("GET", path, null, default), cancellationToken).ConfigureAwait(false);
            if (status is not (200 or 404)) return Unknown(status == 0 ? "the API server could not be asked for the object" : $"the API server answered {status} when asked for the object: {MessageOf(found)}");
            if (status == 404 && info.Verb is not "patch") return "The object does not exist now.\n";
            if (status == 200) before = Shown(found);
        }
        if (info.Verb is "delete") return "It would be deleted (the object as it is; a delete is not tried in advance):\n\n" + LineDiff.Of(before, "");
        var (version, told) = await AskAsync(new KubernetesRequest("GET", "/version", null, default), cancellationToken).ConfigureAwait(false);
        if (version != 200 || !KnowsDryRun(told)) return Unknown("the API server's version could not be read, or is older than 1.18");
        var target = held.Request.Target + (held.Request.Target.Contains('?', StringComparison.Ordinal) ? "&" : "?") + "dryRun=All";
        var (answer, after) = await AskAsync(held.Request with { Target = target, Body = held.Body }, cancellationToken).ConfigureAwait(false);
        if (answer == 0) return Unknown("the API server could not be asked");
        if (answer is not (200 or 201)) return string.Create(CultureInfo.InvariantCulture, $"The API server would refuse it now ({answer}): {MessageOf(after)}\n");
        var diff = LineDiff.Of(before, Shown(after));
        return diff.Length == 0 ? "It would change nothing, as the API server says (dryRun=All); values behind the same mask are not told apart.\n"
            : (before.Length == 0 ? "It would be created, as the API server says (dryRun=All):\n\n" : "It would change, as the API server says (dryRun=All); values behind the same mask are not told apart:\n\n") + diff;
    }

    private static string Unknown(string why) => $"What it would change is not known: {why}.\n";

    private async ValueTask<(int Status, ReadOnlyMemory<byte> Answer)> AskAsync(KubernetesRequest request, CancellationToken cancellationToken)
    {
        var errand = new ForesightErrand(gateway, held, asker, request);
        await gateway.Services.Pipeline.RunAsync(errand, Itself.Identity, cancellationToken).ConfigureAwait(false);
        if (errand.Status == 0 || errand.Answer.IsEmpty) return (0, default);
        // The gateway's own operations are not masked for anybody in particular: what the asker's record hides stays hidden here too.
        var masked = new ArrayBufferWriter<byte>(errand.Answer.Length);
        gateway.Services.Policies.Current.MasksFor(asker, held.Operation).Record.Apply(errand.Answer.Span, KubernetesShapes.Document, masked);
        return (errand.Status, masked.WrittenMemory);
    }

    /// <summary>One member per line, without what changes with every write.</summary>
    private static string Shown(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        var output = new ArrayBufferWriter<byte>(json.Length * 2);
        using (var writer = new Utf8JsonWriter(output, s_indented)) Write(writer, document.RootElement, depth: 0, isMetadata: false);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter writer, JsonElement element, int depth, bool isMetadata)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            element.WriteTo(writer);
            return;
        }
        writer.WriteStartObject();
        foreach (var member in element.EnumerateObject())
        {
            if (isMetadata && member.Name is "resourceVersion" or "managedFields" or "selfLink") continue;
            writer.WritePropertyName(member.Name);
            Write(writer, member.Value, depth + 1, depth == 0 && member.Name is "metadata");
        }
        writer.WriteEndObject();
    }

    private static string MessageOf(ReadOnlyMemory<byte> status)
    {
        if (status.IsEmpty) return "";
        using var document = JsonDocument.Parse(status);
        return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("message", out var message) && message.ValueKind == JsonValueKind.String ? message.GetString()! : "no reason given";
    }

    private static bool KnowsDryRun(ReadOnlyMemory<byte> version)
    {
        if (version.IsEmpty) return false;
        using var document = JsonDocument.Parse(version);
        var root = document.RootElement;
        return root.ValueKind == JsonValueKind.Object && root.TryGetProperty("major", out var major) && major.ValueEquals("1"u8) && root.TryGetProperty("minor", out var minor) && minor.ValueKind == JsonValueKind.String
            && int.TryParse(minor.GetString()!.TrimEnd('+'), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= LeastMinor;
    }
}
