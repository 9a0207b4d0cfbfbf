namespace Postern.Cli.Export;

/// <summary>The form in which a session leaves.</summary>
internal enum ExportForm
{
    /// <summary>One JSON object per operation and line, as <c>sessions replay -o ndjson</c> writes it.</summary>
    Ndjson,

    /// <summary>One row per operation, for spreadsheets (RFC 4180).</summary>
    Csv,

    /// <summary>One page that replays the session in a browser, without a network.</summary>
    Html,

    /// <summary>The terminal of the session's commands, for terminal players (asciicast version 2).</summary>
    Cast,

    /// <summary>The records themselves, signed, for who must not have to believe anybody.</summary>
    Bundle,
}
