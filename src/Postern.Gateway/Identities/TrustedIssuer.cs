using System.Collections.Frozen;
using System.Collections.Immutable;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Identities;

/// <summary>
/// One issuer whose tokens are accepted, and everything that its tokens must be (G13: one configured tuple of issuer, audience,
/// type, algorithm and key). Immutable.
/// </summary>
public sealed class TrustedIssuer
{
    /// <summary>The name that stands in policy and in identities.</summary>
    public required string Name { get; init; }

    /// <summary>The exact text of <c>iss</c>.</summary>
    public required string Authority { get; init; }

    /// <summary>Audiences that are good for every resource of this gateway.</summary>
    public required ImmutableArray<string> Audiences { get; init; }

    /// <summary>The client for browser sign-in; null when this issuer serves programs alone.</summary>
    public string? ClientId { get; init; }

    /// <summary>That client's secret; null for a public client.</summary>
    public string? ClientSecret { get; init; }

    /// <summary>Accepted <c>alg</c> values; asymmetric ones only.</summary>
    public ImmutableArray<string> Algorithms { get; init; } = ["RS256", "ES256", "PS256"];

    /// <summary>Accepted <c>typ</c> values of access tokens (RFC 9068 section 2.1); <see cref="NoType"/> for a token without one.</summary>
    public ImmutableArray<string> Types { get; init; } = ["at+jwt", "application/at+jwt"];

    /// <summary>The claim that lists groups.</summary>
    public string GroupsClaim { get; init; } = "groups";

    /// <summary>Group id to the name that policy uses.</summary>
    public FrozenDictionary<string, string> NamesById { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>The claim that lists roles, by name or as a JSON pointer; null for none. Each role is a group <c>role:NAME</c> for policies.</summary>
    public string? RolesClaim { get; init; }

    /// <summary>Claims that must have exactly this text, such as <c>tid</c>.</summary>
    public FrozenDictionary<string, string> RequiredClaims { get; init; } = FrozenDictionary<string, string>.Empty;

    /// <summary>Scopes that a person's access token must have been issued for.</summary>
    public ImmutableArray<string> Scopes { get; init; } = [];

    /// <summary>Any of these claims with this text says that no person is acted for; so does <c>sub</c> equal to the client id.</summary>
    public FrozenDictionary<string, string> WorkloadClaims { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal) { ["idtyp"] = "app" }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>How the provider writes its tokens.</summary>
    internal TokenShape Shape { get; init; } = TokenShape.Standard;

    /// <summary>The tenants that are let in, where the shape says which claim names them; empty for no such rule.</summary>
    internal FrozenSet<string> Tenants { get; init; } = FrozenSet<string>.Empty;

    /// <summary>Where groups are asked for that are too many for a token; null for nowhere.</summary>
    internal DirectoryOptions? Directory { get; init; }
    /// <summary>True for the gateway's own tokens: each is good for the one resource that it names and for no other.</summary>
    internal bool IsOwn { get; init; }

    /// <summary>How far clocks may differ; at most a minute.</summary>
    public TimeSpan ClockSkew { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The longest life, <c>iat</c> to <c>exp</c>, that a token may claim.</summary>
    public TimeSpan MaxTokenLife { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The most that <see cref="ClockSkew"/> may be (attack J14).</summary>
    public static readonly TimeSpan MaxClockSkew = TimeSpan.FromSeconds(60);

    private static readonly FrozenSet<string> Known = new[] { "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512" }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Stands in <see cref="Types"/> for a token without <c>typ</c>.</summary>
    public const string NoType = "none";

    /// <summary>In the text of a group that is a role.</summary>
    internal const string RolePrefix = "role:";

    /// <summary>From the configuration, checked: one for each exact <c>iss</c>, which is several where the authority is a template for tenants.</summary>
    /// <exception cref="ArgumentException">The settings would trust too much; the message says what was expected.</exception>
    public static ImmutableArray<TrustedIssuer> AllFrom(IssuerOptions options, string publicUrl)
    {
        foreach (var (key, message) in IssuerPresetCheck.Problems(options)) throw new ArgumentException($"issuer `{options.Name}`, `{key}`: {message}");
        if (!options.Authority.Contains(IssuerPresetCheck.Template, StringComparison.Ordinal)) return [From(options, publicUrl)];

        // Each tenant has its own exact issuer and its own keys (J11); people sign in on pages at the first.
        return [.. options.Tenants.Distinct(StringComparer.Ordinal).Select((tenant, index) => Make(options, publicUrl, options.Authority.Replace(IssuerPresetCheck.Template, tenant, StringComparison.Ordinal), tenant, index == 0))];
    }

    /// <summary>
    /// The subject of the identity that has this id at the issuer: the id, and its tenant where ids are unique within one only. The one place that says so: a token, a
    /// sign-in, a logout and a directory must mean the same person, or what one of them ends goes on for another.
    /// </summary>
    /// <param name="id">The stable id, as the issuer or its directory writes it.</param>
    /// <param name="tenant">Its tenant, as far as it is known.</param>
    /// <returns>Null when the tenant is needed and not known.</returns>
    internal string? SubjectOf(string id, string? tenant) => !Shape.IsTenantInSubject ? id : string.IsNullOrEmpty(tenant) ? null : $"{id}.{tenant}";

    /// <summary>The tenant, where there is exactly one.</summary>
    internal string? OnlyTenant => Tenants.Count == 1 ? Tenants.First() : null;

    /// <summary>Every exact <c>iss</c> that an issuer stands for.</summary>
    internal static IEnumerable<string> AuthoritiesOf(IssuerOptions options) => options.Authority.Contains(IssuerPresetCheck.Template, StringComparison.Ordinal) && !options.Tenants.IsDefaultOrEmpty
        ? options.Tenants.Distinct(StringComparer.Ordinal).Select(tenant => options.Authority.Replace(IssuerPresetCheck.Template, tenant, StringComparison.Ordinal))
        : [options.Authority];

    /// <summary>The same for an authority that is no template.</summary>
    /// <exception cref="ArgumentException">The settings would trust too much; the message says what was expected.</exception>
    public static TrustedIssuer From(IssuerOptions options, string publicUrl)
    {
        foreach (var (key, message) in IssuerPresetCheck.Problems(options)) throw new ArgumentException($"issuer `{options.Name}`, `{key}`: {message}");
        return Make(options, publicUrl, options.Authority, null, true);
    }

    private static TrustedIssuer Make(IssuerOptions options, string publicUrl, string authority, string? tenant, bool hasPages)
    {
        var preset = options.Preset is { } name ? IssuerPreset.All[name] : null;
        var shape = preset?.Shape ?? TokenShape.Standard;
        if (options.Preset == "entra")
        {
            // One version, one spelling of everything (J10): what the issuer's text says, `ver` and the client's claim must say too.
            var isSecond = authority.EndsWith("/v2.0", StringComparison.Ordinal);
            tenant ??= new Uri(authority).Segments[1].TrimEnd('/');
            shape = shape with
            {
                AgentClaims = [isSecond ? "azp" : "appid"],
                Marks = [[isSecond ? "azp" : "appid"], .. shape.Marks.Skip(1)],
                Fixed = new Dictionary<string, string>(StringComparer.Ordinal) { ["ver"] = isSecond ? "2.0" : "1.0" }.ToFrozenDictionary(StringComparer.Ordinal),
            };
        }
        var issuer = new TrustedIssuer
        {
            Name = options.Name,
            Authority = authority,
            Audiences = options.EveryAudience is { IsEmpty: false } audiences ? audiences : [publicUrl],
            ClientId = hasPages ? options.ClientId : null,
            ClientSecret = options.ClientSecret,
            Algorithms = options.Algorithms.IsDefault ? preset?.Algorithms ?? ["RS256", "ES256"] : options.Algorithms,

            // RFC 9068 section 2.1: the short and the long form of a media type are one type
            Types = [.. (options.Types.IsDefault ? preset?.Types ?? ["at+jwt"] : options.Types).SelectMany(type => type == "at+jwt" ? ["at+jwt", "application/at+jwt"] : new[] { type }).Distinct(StringComparer.Ordinal)],
            GroupsClaim = options.GroupsClaim ?? preset?.GroupsClaim ?? "groups",
            RolesClaim = options.RolesClaim is { } roles ? roles == "none" ? null : roles : preset?.RolesClaim,
            NamesById = Invert(options),
            ClockSkew = options.ClockSkew,
            MaxTokenLife = options.TokenLife,
            RequiredClaims = options.RequiredClaims.ToFrozenDictionary(StringComparer.Ordinal),
            Scopes = options.Scopes,
            WorkloadClaims = (options.WorkloadClaims.IsDefault ? preset?.WorkloadClaims ?? [new("idtyp", "app")] : options.WorkloadClaims).ToFrozenDictionary(StringComparer.Ordinal),
            Shape = shape,
            Tenants = tenant is not null ? FrozenSet.Create(StringComparer.Ordinal, [tenant]) : options.Tenants.IsDefault ? FrozenSet<string>.Empty : options.Tenants.ToFrozenSet(StringComparer.Ordinal),
            Directory = options.Directory,
        };
        issuer.Check();
        return issuer;
    }

    /// <summary>The issuer of the gateway's own identity; no configured one may have its name.</summary>
    internal const string ReservedName = "gateway";

    internal void Check()
    {
        if (Name.Length == 0 || Name.Contains(':', StringComparison.Ordinal))
        {
            throw new ArgumentException($"issuer `{Name}`: expected a name without a colon, since policy writes `issuer:value`");
        }

        // What the gateway does by itself is recorded under this name (G20); nobody who signs in may look like it.
        if (string.Equals(Name, ReservedName, StringComparison.Ordinal))
        {
            throw new ArgumentException($"issuer `{Name}`: expected another name, since this one stands for the gateway itself");
        }

        if (!Uri.TryCreate(Authority, UriKind.Absolute, out var authority) || authority.Query.Length > 0 || authority.Fragment.Length > 0 || authority.UserInfo.Length > 0 || !Addresses.MayFetch(authority))
        {
            throw new ArgumentException($"issuer `{Name}`: expected an https URL without query (or http on loopback) as authority, found `{Authority}`");
        }

        if (Algorithms.IsDefaultOrEmpty || Algorithms.FirstOrDefault(algorithm => !Known.Contains(algorithm)) is not null)
        {
            throw new ArgumentException($"issuer `{Name}`: expected algorithms out of {string.Join(", ", Known.Order(StringComparer.Ordinal))}");
        }

        if (ClockSkew < TimeSpan.Zero || ClockSkew > MaxClockSkew)
        {
            throw new ArgumentException($"issuer `{Name}`: expected a clock skew of at most 60 seconds, found {ClockSkew.TotalSeconds}");
        }

        if (MaxTokenLife <= TimeSpan.Zero)
        {
            throw new ArgumentException($"issuer `{Name}`: expected a token life above zero");
        }

        if ((Audiences.IsDefaultOrEmpty && !IsOwn) || Audiences.Any(string.IsNullOrEmpty))
        {
            throw new ArgumentException($"issuer `{Name}`: expected an audience");
        }

        // an id token's audience is the client: were it ours too, id tokens could pass as access tokens
        if (ClientId is not null && Audiences.Contains(ClientId, StringComparer.Ordinal))
        {
            throw new ArgumentException($"issuer `{Name}`: the audience `{ClientId}` is also the sign-in client; give the gateway's API an audience of its own");
        }
    }

    private static FrozenDictionary<string, string> Invert(IssuerOptions options)
    {
        var byId = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var (name, id) in options.Names)
        {
            if (!byId.TryAdd(id, name))
            {
                throw new ArgumentException($"issuer `{options.Name}`: the group `{id}` has two names, `{byId[id]}` and `{name}`");
            }
        }

        return byId.ToFrozenDictionary(StringComparer.Ordinal);
    }
}
