namespace Postern.Tests.Authorization;

/// <summary>One stage for all tests that neither move its clock nor change its options; and no two of them at once, for each is a whole gateway.</summary>
public sealed class SharedStage : IAsyncLifetime
{
    internal AuthorizationStage Stage { get; private set; } = null!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => Stage = await AuthorizationStage.StartAsync();

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Stage.DisposeAsync();
}

/// <summary>The collection of those tests.</summary>
[CollectionDefinition(Name)]
public sealed class AuthorizationCollection : ICollectionFixture<SharedStage>
{
    /// <summary>Its name.</summary>
    public const string Name = "authorization";
}
