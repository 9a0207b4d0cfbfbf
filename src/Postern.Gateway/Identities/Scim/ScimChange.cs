using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Postern.Gateway.Identities.Scim;

/// <summary>
/// What a directory wants changed, as directories write it: whole resources, and PATCH (RFC 7644 section 3.5.2) with names in any case, values without a path, and
/// booleans in quotes. An attribute that the gateway does not keep is passed over; a value of one that it keeps and cannot read is refused.
/// </summary>
internal static partial class ScimChange
{
    private const int MaxOperations = 1_000;
    private const int MaxText = 255;

    /// <summary>A whole user, over what was there; without <c>active</c> it stays as it was.</summary>
    /// <exception cref="ScimException">It cannot be read.</exception>
    public static ScimUser User(JsonElement resource, ScimUser before)
    {
        var after = before with { ExternalId = null, DisplayName = null };
        after = Members(resource).Aggregate(after, (user, member) => Set(user, member.Key, member.Value));
        return Find(resource, "userName") is null ? throw Invalid("a user needs `userName`") : after;
    }

    /// <summary>A whole group, its members included.</summary>
    /// <exception cref="ScimException">It cannot be read.</exception>
    public static ScimGroup Group(JsonElement resource, ScimGroup before)
    {
        var after = before with { ExternalId = null, Members = [] };
        after = Members(resource).Aggregate(after, (group, member) => Set(group, member.Key, member.Value, adds: false));
        return Find(resource, "displayName") is null ? throw Invalid("a group needs `displayName`") : after;
    }

    /// <summary>A user after a PATCH.</summary>
    /// <exception cref="ScimException">It cannot be read.</exception>
    public static ScimUser Patch(ScimUser user, JsonElement request)
    {
        foreach (var (verb, path, value) in Operations(request))
        {
            if (path is null)
            {
                if (verb == "remove") throw new ScimException(400, "noTarget", "`remove` needs a `path`");
                user = Members(Value(value)).Aggregate(user, (user, member) => Set(user, member.Key, member.Value));
                continue;
            }
            if (verb != "remove") user = Set(user, path, Value(value));
            else if (Is(path, "externalId")) user = user with { ExternalId = null };
            else if (Is(path, "displayName")) user = user with { DisplayName = null };
            else if (Is(path, "active") || Is(path, "userName")) throw Invalid("this attribute cannot be removed");
        }
        return user;
    }

    /// <summary>A group after a PATCH.</summary>
    /// <exception cref="ScimException">It cannot be read.</exception>
    public static ScimGroup Patch(ScimGroup group, JsonElement request)
    {
        foreach (var (verb, path, value) in Operations(request))
        {
            if (path is null)
            {
                if (verb == "remove") throw new ScimException(400, "noTarget", "`remove` needs a `path`");
                group = Members(Value(value)).Aggregate(group, (group, member) => Set(group, member.Key, member.Value, adds: verb == "add"));
            }
            else if (OneMember().Match(path) is { Success: true } one)
            {
                if (verb != "remove") throw new ScimException(400, "invalidPath", "one member is only removed by its value");
                group = group with { Members = group.Members.Remove(one.Groups["id"].Value) };
            }
            else if (verb == "remove" && Is(path, "members"))
            {
                // Entra names whom to remove in the value; without one, all of them are.
                group = group with { Members = value is { ValueKind: not JsonValueKind.Null } named ? group.Members.Except(Ids(named)) : [] };
            }
            else if (verb == "remove")
            {
                if (Is(path, "externalId")) group = group with { ExternalId = null };
                else if (Is(path, "displayName")) throw Invalid("this attribute cannot be removed");
            }
            else
            {
                group = Set(group, path, Value(value), adds: verb == "add");
            }
        }
        return group;
    }

    private static ScimUser Set(ScimUser user, string name, JsonElement value) =>
        Is(name, "active") ? user with { IsActive = Flag(value) }
        : Is(name, "userName") ? user with { UserName = Text(value, "userName") ?? throw Invalid("`userName` must not be empty") }
        : Is(name, "externalId") ? user with { ExternalId = Text(value, "externalId") }
        : Is(name, "displayName") ? user with { DisplayName = Text(value, "displayName") }
        : user;

    private static ScimGroup Set(ScimGroup group, string name, JsonElement value, bool adds) =>
        Is(name, "displayName") ? group with { DisplayName = Text(value, "displayName") ?? throw Invalid("`displayName` must not be empty") }
        : Is(name, "externalId") ? group with { ExternalId = Text(value, "externalId") }
        : Is(name, "members") ? group with { Members = adds ? group.Members.Union(Ids(value)) : [.. Ids(value)] }
        : group;

    private static IEnumerable<(string Verb, string? Path, JsonElement? Value)> Operations(JsonElement request)
    {
        if (Find(request, "Operations") is not { ValueKind: JsonValueKind.Array } operations || operations.GetArrayLength() is 0 or > MaxOperations) throw Invalid($"expected `Operations`, 1 to {MaxOperations} of them");
        foreach (var operation in operations.EnumerateArray())
        {
            if (operation.ValueKind != JsonValueKind.Object || Find(operation, "op") is not { ValueKind: JsonValueKind.String } verb || verb.GetString()!.ToLowerInvariant() is not ("add" or "replace" or "remove") || !Strings(operation, "path", out var path))
            {
                throw Invalid("expected operations with `op` (`add`, `replace` or `remove`), `path` and `value`");
            }
            yield return (verb.GetString()!.ToLowerInvariant(), path, Find(operation, "value"));
        }
    }

    private static bool Strings(JsonElement operation, string name, out string? text)
    {
        text = null;
        if (Find(operation, name) is not { ValueKind: not JsonValueKind.Null } node) return true;
        text = node.ValueKind == JsonValueKind.String ? node.GetString() : null;
        return text is { Length: > 0 };
    }

    private static JsonElement Value(JsonElement? value) => value ?? throw Invalid("the operation needs a `value`");

    private static IEnumerable<KeyValuePair<string, JsonElement>> Members(JsonElement value) =>
        value.ValueKind == JsonValueKind.Object ? value.EnumerateObject().Select(member => KeyValuePair.Create(member.Name, member.Value)) : throw Invalid("expected a JSON object");

    private static JsonElement? Find(JsonElement node, string name)
    {
        if (node.ValueKind != JsonValueKind.Object) throw Invalid("expected a JSON object");
        foreach (var member in node.EnumerateObject())
        {
            if (string.Equals(member.Name, name, StringComparison.OrdinalIgnoreCase)) return member.Value;
        }
        return null;
    }

    // Attribute names are case insensitive (RFC 7643 section 2.1), and may carry their schema.
    private static bool Is(string path, string name)
    {
        foreach (var schema in (ReadOnlySpan<string>)[ScimText.UserSchema + ":", ScimText.GroupSchema + ":"])
        {
            if (path.StartsWith(schema, StringComparison.OrdinalIgnoreCase)) return path.AsSpan(schema.Length).Equals(name, StringComparison.OrdinalIgnoreCase);
        }
        return string.Equals(path, name, StringComparison.OrdinalIgnoreCase);
    }

    // Entra writes "False".
    private static bool Flag(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.String when bool.TryParse(value.GetString(), out var flag) => flag,
        _ => throw Invalid("`active` is neither true nor false"),
    };

    private static string? Text(JsonElement value, string name)
    {
        if (value.ValueKind == JsonValueKind.Null) return null;
        if (value.ValueKind != JsonValueKind.String || value.GetString() is not { Length: <= MaxText } text || text.Any(char.IsControl)) throw Invalid($"`{name}` is no text of at most {MaxText} characters");
        return text.Length == 0 ? null : text;
    }

    private static ImmutableArray<string> Ids(JsonElement value)
    {
        if (value.ValueKind is not (JsonValueKind.Array or JsonValueKind.Object)) throw Invalid("members are objects with `value`");
        var items = value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().ToImmutableArray() : [value];
        return [.. items.Select(item => item.ValueKind == JsonValueKind.Object && Find(item, "value") is { ValueKind: JsonValueKind.String } id ? id.GetString()! : throw Invalid("members are objects with `value`"))];
    }

    private static ScimException Invalid(string detail) => new(400, "invalidValue", detail);

    [GeneratedRegex("^(?:urn:ietf:params:scim:schemas:core:2\\.0:Group:)?members\\[\\s*value\\s+eq\\s+\"(?<id>[0-9A-Za-z-]{1,64})\"\\s*\\]$", RegexOptions.IgnoreCase | RegexOptions.NonBacktracking | RegexOptions.CultureInvariant)]
    private static partial Regex OneMember();
}
