using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;

namespace Postern.Gateway.Identities.Scim;

/// <summary>Users, groups, lists, errors and what the server is (RFC 7643 sections 4, 5 to 8; RFC 7644 sections 3.4.2 and 3.12) as JSON.</summary>
internal static class ScimText
{
    public const string MediaType = "application/scim+json";
    public const string UserSchema = "urn:ietf:params:scim:schemas:core:2.0:User";
    public const string GroupSchema = "urn:ietf:params:scim:schemas:core:2.0:Group";

    private static readonly ImmutableArray<(string Name, string Type, bool Required, string Uniqueness)> _user =
        [("userName", "string", true, "server"), ("externalId", "string", false, "none"), ("displayName", "string", false, "none"), ("active", "boolean", false, "none")];

    private static readonly ImmutableArray<(string Name, string Type, bool Required, string Uniqueness)> _group =
        [("displayName", "string", true, "none"), ("externalId", "string", false, "none"), ("members", "complex", false, "none")];

    public static ReadOnlyMemory<byte> Json(Action<Utf8JsonWriter> write)
    {
        var body = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(body)) write(json);
        return body.WrittenMemory;
    }

    public static void Write(Utf8JsonWriter json, ScimUser user, string baseUrl)
    {
        json.WriteStartObject();
        Head(json, UserSchema, user.Id, user.ExternalId);
        json.WriteString("userName", user.UserName);
        if (user.DisplayName is not null) json.WriteString("displayName", user.DisplayName);
        json.WriteBoolean("active", user.IsActive);
        Meta(json, "User", $"{baseUrl}/Users/{user.Id}");
        json.WriteEndObject();
    }

    public static void Write(Utf8JsonWriter json, ScimGroup group, string baseUrl, bool withMembers)
    {
        json.WriteStartObject();
        Head(json, GroupSchema, group.Id, group.ExternalId);
        json.WriteString("displayName", group.DisplayName);
        if (withMembers)
        {
            json.WriteStartArray("members");
            foreach (var member in group.Members)
            {
                json.WriteStartObject();
                json.WriteString("value", member);
                json.WriteString("$ref", $"{baseUrl}/Users/{member}");
                json.WriteEndObject();
            }
            json.WriteEndArray();
        }
        Meta(json, "Group", $"{baseUrl}/Groups/{group.Id}");
        json.WriteEndObject();
    }

    public static void List<T>(Utf8JsonWriter json, IReadOnlyCollection<T> all, int start, int count, Action<Utf8JsonWriter, T> write)
    {
        var page = all.Skip(start - 1).Take(count).ToArray();
        json.WriteStartObject();
        Schemas(json, "urn:ietf:params:scim:api:messages:2.0:ListResponse");
        json.WriteNumber("totalResults", all.Count);
        json.WriteNumber("startIndex", start);
        json.WriteNumber("itemsPerPage", page.Length);
        json.WriteStartArray("Resources");
        foreach (var one in page) write(json, one);
        json.WriteEndArray();
        json.WriteEndObject();
    }

    public static void Error(Utf8JsonWriter json, int status, string? type, string detail)
    {
        json.WriteStartObject();
        Schemas(json, "urn:ietf:params:scim:api:messages:2.0:Error");
        json.WriteString("status", status.ToString(System.Globalization.CultureInfo.InvariantCulture));
        if (type is not null) json.WriteString("scimType", type);
        json.WriteString("detail", detail);
        json.WriteEndObject();
    }

    public static void Server(Utf8JsonWriter json, int maxResults)
    {
        json.WriteStartObject();
        Schemas(json, "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig");
        foreach (var (name, supported) in new[] { ("patch", true), ("bulk", false), ("filter", true), ("changePassword", false), ("sort", false), ("etag", false) })
        {
            json.WriteStartObject(name);
            json.WriteBoolean("supported", supported);
            if (name == "filter") json.WriteNumber("maxResults", maxResults);
            if (name == "bulk")
            {
                json.WriteNumber("maxOperations", 0);
                json.WriteNumber("maxPayloadSize", 0);
            }
            json.WriteEndObject();
        }
        json.WriteStartArray("authenticationSchemes");
        json.WriteStartObject();
        json.WriteString("type", "oauthbearertoken");
        json.WriteString("name", "Bearer token");
        json.WriteString("description", "The secret of `issuers.NAME.scim`.");
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
    }

    public static void ResourceType(Utf8JsonWriter json, string name)
    {
        json.WriteStartObject();
        Schemas(json, "urn:ietf:params:scim:schemas:core:2.0:ResourceType");
        json.WriteString("id", name);
        json.WriteString("name", name);
        json.WriteString("endpoint", $"/{name}s");
        json.WriteString("schema", name == "User" ? UserSchema : GroupSchema);
        json.WriteEndObject();
    }

    public static void Schema(Utf8JsonWriter json, string name)
    {
        json.WriteStartObject();
        Schemas(json, "urn:ietf:params:scim:schemas:core:2.0:Schema");
        json.WriteString("id", name == "User" ? UserSchema : GroupSchema);
        json.WriteString("name", name);
        json.WriteStartArray("attributes");
        foreach (var (attribute, type, required, uniqueness) in name == "User" ? _user : _group)
        {
            json.WriteStartObject();
            json.WriteString("name", attribute);
            json.WriteString("type", type);
            json.WriteBoolean("multiValued", attribute == "members");
            json.WriteBoolean("required", required);
            json.WriteBoolean("caseExact", attribute == "externalId");
            json.WriteString("mutability", "readWrite");
            json.WriteString("returned", "default");
            json.WriteString("uniqueness", uniqueness);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static void Head(Utf8JsonWriter json, string schema, string id, string? externalId)
    {
        Schemas(json, schema);
        json.WriteString("id", id);
        if (externalId is not null) json.WriteString("externalId", externalId);
    }

    private static void Meta(Utf8JsonWriter json, string type, string location)
    {
        json.WriteStartObject("meta");
        json.WriteString("resourceType", type);
        json.WriteString("location", location);
        json.WriteEndObject();
    }

    private static void Schemas(Utf8JsonWriter json, string schema)
    {
        json.WriteStartArray("schemas");
        json.WriteStringValue(schema);
        json.WriteEndArray();
    }
}
