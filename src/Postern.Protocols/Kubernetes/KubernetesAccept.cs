using System.Text;

namespace Postern.Protocols.Kubernetes;

/// <summary>
/// What the API server is asked to answer in: JSON, whatever the client would also take (attack K07). Of a client's media types only the
/// JSON ones go on, with the parameters that choose a form of JSON.
/// </summary>
internal static class KubernetesAccept
{
    private const string Json = "application/json";

    /// <summary>The value to send; null when the client takes nothing that can be read.</summary>
    /// <param name="accept">The client's header; null or empty for anything.</param>
    /// <param name="withTables">False leaves tables out, whose cells no path of a mask leads to.</param>
    public static string? For(string? accept, bool withTables)
    {
        if (string.IsNullOrWhiteSpace(accept)) return Json;
        var forms = new List<string>();
        var takesJson = false;
        foreach (var range in accept.Split(','))
        {
            var pieces = range.Split(';', StringSplitOptions.TrimEntries);
            var type = pieces[0].ToLowerInvariant();
            if (type is "*/*" or "application/*" or "text/*" or "text/plain")
            {
                takesJson = true;
                continue;
            }
            if (type is not Json) continue;
            takesJson = true;
            if (FormOf(pieces, withTables) is { } form && !forms.Contains(form)) forms.Add(form);
        }
        if (!takesJson) return null;
        forms.Remove(Json);
        return forms.Count == 0 ? Json : string.Join(',', forms) + "," + Json;
    }

    private static string? FormOf(string[] pieces, bool withTables)
    {
        var form = new StringBuilder(Json);
        for (var i = 1; i < pieces.Length; i++)
        {
            var equals = pieces[i].IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0) continue;
            var (name, value) = (pieces[i][..equals], pieces[i][(equals + 1)..]);
            if (name is not ("as" or "v" or "g")) continue;
            if (value.Length is 0 or > 64 || !value.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '.' or '-')) return null;
            if (name is "as" && value is not ("Table" or "PartialObjectMetadata" or "PartialObjectMetadataList" or "APIGroupDiscoveryList")) return null;
            if (value is "Table" && !withTables) return null;
            form.Append(';').Append(name).Append('=').Append(value);
        }
        return form.ToString();
    }
}
