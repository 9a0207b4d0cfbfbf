using System.Collections.Immutable;

namespace Postern.Gateway.Configuration;

/// <summary>What a single value must look like.</summary>
internal enum ValueKind
{
    /// <summary>Any text that is not empty.</summary>
    Text,

    /// <summary>An absolute http or https URL.</summary>
    Url,

    /// <summary>Where a target is: an http or https URL, or <c>postgresql://host:port/database</c>.</summary>
    Target,

    /// <summary>A path; relative ones start at the configuration file's folder.</summary>
    Path,

    /// <summary>Bytes: <c>65536</c>, <c>64KiB</c>, <c>1MiB</c>, <c>1GiB</c>.</summary>
    Size,

    /// <summary>Bytes of disk: <c>512MiB</c>, <c>50GiB</c>, <c>2TiB</c>.</summary>
    Volume,

    /// <summary>A time span: <c>500ms</c>, <c>10s</c>, <c>5m</c>, <c>2h</c>.</summary>
    Duration,

    /// <summary>A whole number above zero.</summary>
    Number,

    /// <summary>An address range: <c>10.0.0.0/8</c>.</summary>
    Network,

    /// <summary>One of a closed list.</summary>
    Choice,

    /// <summary><c>true</c> or <c>false</c>.</summary>
    Switch,

    /// <summary>A credential; never echoed in a message.</summary>
    Secret,
}

/// <summary>The shape of what stands under a key. Loader, environment, schema and reference are all driven by it.</summary>
internal abstract record ConfigurationShape
{
    private ConfigurationShape()
    {
    }

    /// <summary>One value.</summary>
    public sealed record Value(ValueKind Kind) : ConfigurationShape
    {
        public ImmutableArray<string> Choices { get; init; } = [];

        /// <summary>True where the value may have several lines, as a key in PEM has.</summary>
        public bool HasLines { get; init; }
    }

    /// <summary>A list of values.</summary>
    public sealed record ListOf(Value Item) : ConfigurationShape;

    /// <summary>Fixed keys.</summary>
    public sealed record Section(ImmutableArray<ConfigurationKey> Keys) : ConfigurationShape
    {
        public ConfigurationKey? Find(string name)
        {
            foreach (var key in Keys)
            {
                if (string.Equals(key.Name, name, StringComparison.Ordinal)) return key;
            }
            return null;
        }
    }

    /// <summary>Names that the operator chooses, each with the same shape under it.</summary>
    public sealed record MapOf(string NamePattern, string NameRule, ConfigurationShape Item) : ConfigurationShape;
}

/// <summary>One key.</summary>
internal sealed record ConfigurationKey(string Name, ConfigurationShape Shape, string Description)
{
    /// <summary>As an operator would write it, or null.</summary>
    public string? Default { get; init; }

    public bool IsRequired { get; init; }
}
