namespace Postern.Cli.Output;

/// <summary>How data is written: <c>-o table|json|ndjson|yaml</c>.</summary>
internal enum OutputFormat
{
    /// <summary>For people.</summary>
    Table,

    /// <summary>One indented document.</summary>
    Json,

    /// <summary>One document per line.</summary>
    Ndjson,

    /// <summary>YAML 1.2 that is plain data.</summary>
    Yaml,
}
