using System.Runtime.InteropServices;

namespace Postern.Protocols.HttpData;

/// <summary>A media type with the two parameters that say how to read it (RFC 9110 section 8.3.1).</summary>
[StructLayout(LayoutKind.Auto)]
internal readonly record struct MediaType(string Name, string? Charset, string? Boundary)
{
    /// <summary><c>application/json</c> and its relatives.</summary>
    public bool IsJson => Name is "application/json" or "text/json" || (Name.EndsWith("+json", StringComparison.Ordinal) && !Name.EndsWith("-seq+json", StringComparison.Ordinal));

    /// <summary>The pairs of a form.</summary>
    public bool IsForm => Name is "application/x-www-form-urlencoded";

    /// <summary>Server-sent events.</summary>
    public bool IsEvents => Name is "text/event-stream";

    /// <summary>One JSON document on each line.</summary>
    public bool IsJsonLines => Name is "application/x-ndjson" or "application/ndjson" or "application/jsonl" or "application/x-jsonlines" or "application/json-lines" or "application/stream+json";

    /// <summary>Comma-separated values.</summary>
    public bool IsCsv => Name is "text/csv" or "text/tab-separated-values";

    /// <summary>XML and its relatives.</summary>
    public bool IsXml => Name is "application/xml" or "text/xml" || Name.EndsWith("+xml", StringComparison.Ordinal);

    /// <summary>Several bodies in one.</summary>
    public bool IsMultipart => Name.StartsWith("multipart/", StringComparison.Ordinal);

    /// <summary>Text for people.</summary>
    public bool IsText => Name.StartsWith("text/", StringComparison.Ordinal) || Name is "application/javascript" or "application/ecmascript" or "application/yaml" or "application/x-yaml" or "application/toml" or "application/graphql" or "application/sql";

    /// <summary>True for separated values whose first row is no names (RFC 4180 section 3).</summary>
    public bool LacksNames { get; private init; }

    /// <summary>Text in which values have places that no form here knows.</summary>
    public bool HasUnknownPlaces => Name is "application/yaml" or "application/x-yaml" or "text/yaml" or "text/x-yaml" or "text/vnd.yaml" or "application/toml" or "text/toml";

    /// <summary>Reads a header's value; false when it names no type, or a parameter twice.</summary>
    public static bool TryRead(string? value, out MediaType type)
    {
        type = default;
        if (string.IsNullOrEmpty(value)) return false;
        string? charset = null, boundary = null, name = null;
        var lacksNames = false;
        var rest = value.AsSpan();
        while (true)
        {
            var end = EndOf(rest);
            var piece = rest[..end].Trim();
            if (name is null)
            {
                var slash = piece.IndexOf('/');
                if (slash <= 0 || slash == piece.Length - 1 || piece.ContainsAny(" \t,=\"") || piece[(slash + 1)..].Contains('/')) return false;
                name = piece.Equals("application/json", StringComparison.Ordinal) ? "application/json" : piece.ToString().ToLowerInvariant();
            }
            else if (!piece.IsEmpty)
            {
                var equals = piece.IndexOf('=');
                if (equals <= 0) return false;
                var parameter = piece[..equals].TrimEnd();
                var text = piece[(equals + 1)..].TrimStart();
                if (text is ['"', .., '"']) text = text[1..^1];
                if (text.ContainsAny("\"\\")) return false;
                if (parameter.Equals("charset", StringComparison.OrdinalIgnoreCase))
                {
                    if (charset is not null) return false;
                    charset = text.ToString();
                }
                else if (parameter.Equals("boundary", StringComparison.OrdinalIgnoreCase))
                {
                    if (boundary is not null) return false;
                    boundary = text.ToString();
                }
                else if (parameter.Equals("header", StringComparison.OrdinalIgnoreCase) && text.Equals("absent", StringComparison.OrdinalIgnoreCase))
                {
                    lacksNames = true;
                }
            }
            if (end == rest.Length) break;
            rest = rest[(end + 1)..];
        }
        type = new MediaType(name, charset, boundary) { LacksNames = lacksNames };
        return true;
    }

    private static int EndOf(ReadOnlySpan<char> rest)
    {
        var isQuoted = false;
        for (var i = 0; i < rest.Length; i++)
        {
            if (rest[i] == '"') isQuoted = !isQuoted;
            else if (rest[i] == ';' && !isQuoted) return i;
        }
        return rest.Length;
    }
}
