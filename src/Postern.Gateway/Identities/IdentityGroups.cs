using System.Collections.Immutable;
using System.Text.Json;

namespace Postern.Gateway.Identities;

/// <summary>Groups and roles of a token, in the words of policies: ids, the names that the configuration gave them, and <c>role:NAME</c>.</summary>
internal static class IdentityGroups
{
    /// <summary>Null when a claim is no list of text.</summary>
    public static ImmutableArray<string>? Read(TrustedIssuer issuer, JsonElement claims, ImmutableArray<string>? elsewhere)
    {
        var read = ImmutableArray.CreateBuilder<string>();
        if (elsewhere is { } known)
        {
            foreach (var id in known) AddGroup(issuer, id, read);
        }
        else if (claims.TryGetProperty(issuer.GroupsClaim, out var value) && !TryEach(value, id => AddGroup(issuer, id, read)))
        {
            return null;
        }

        if (issuer.RolesClaim is { } path && Find(claims, path) is { } roles && !TryEach(roles, role => Add(issuer, TrustedIssuer.RolePrefix + role, read))) return null;
        return read.DrainToImmutable();
    }

    private static bool TryEach(JsonElement list, Action<string> add)
    {
        if (list.ValueKind != JsonValueKind.Array) return false;
        foreach (var one in list.EnumerateArray())
        {
            if (one.ValueKind != JsonValueKind.String || one.GetString() is not { Length: > 0 } id) return false;
            add(id);
        }

        return true;
    }

    private static void AddGroup(TrustedIssuer issuer, string id, ImmutableArray<string>.Builder read)
    {
        // who may name a group must not be able to make it a role
        if (issuer.RolesClaim is not null && id.StartsWith(TrustedIssuer.RolePrefix, StringComparison.Ordinal)) return;
        Add(issuer, id, read);
    }

    private static void Add(TrustedIssuer issuer, string id, ImmutableArray<string>.Builder read)
    {
        if (issuer.NamesById.TryGetValue(id, out var name)) read.Add(name);

        // a group whose own text is a name that the configuration gave to another group must not become that group
        if (!issuer.NamesById.Values.Contains(id, StringComparer.Ordinal)) read.Add(id);
    }

    /// <summary>A claim by its name, or behind a JSON pointer (RFC 6901) without escapes.</summary>
    private static JsonElement? Find(JsonElement claims, string path)
    {
        if (path[0] != '/') return claims.TryGetProperty(path, out var named) ? named : null;
        foreach (var name in path.Split('/').Skip(1))
        {
            if (claims.ValueKind != JsonValueKind.Object || !claims.TryGetProperty(name, out var next)) return null;
            claims = next;
        }

        return claims;
    }
}
