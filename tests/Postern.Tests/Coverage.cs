using Xunit.v3;

namespace Postern.Tests;

/// <summary>The test covers this row of the attack and fault catalogue (for example <c>N01</c>).</summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class, AllowMultiple = true)]
public sealed class RowAttribute(string id) : Attribute, ITraitAttribute
{
    /// <summary>The row's id.</summary>
    public string Id { get; } = id;

    /// <inheritdoc/>
    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [new("Row", Id)];
}

/// <summary>The test could falsify this guarantee (for example <c>G6</c>).</summary>
[AttributeUsage(AttributeTargets.Method | AttributeTargets.Class, AllowMultiple = true)]
public sealed class GuaranteeAttribute(string id) : Attribute, ITraitAttribute
{
    /// <summary>The guarantee's id.</summary>
    public string Id { get; } = id;

    /// <inheritdoc/>
    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() => [new("Guarantee", Id)];
}
