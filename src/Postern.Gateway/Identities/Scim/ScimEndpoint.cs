using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Postern.Gateway.Configuration;
using Postern.Protocols;

namespace Postern.Gateway.Identities.Scim;

/// <summary>Where directories push users and groups (RFC 7644): <c>/scim/ISSUER/v2</c>, each with the secret of its issuer.</summary>
internal sealed partial class ScimEndpoint(ScimDirectory directory, FrozenDictionary<string, ScimOptions> issuers, string publicUrl, RefusalNotes notes)
{
    private const int MaxBody = 8 * 1024 * 1024;
    private const int MaxResults = 1_000;
    private const string Scheme = "Bearer ";

    private readonly FrozenDictionary<string, byte[]> _secrets = issuers.ToFrozenDictionary(one => one.Key, one => SHA256.HashData(Encoding.UTF8.GetBytes(one.Value.Token)), StringComparer.Ordinal);

    public void Map(IEndpointRouteBuilder endpoints) => endpoints.Map("/scim/{issuer}/v2/{**rest}", (RequestDelegate)AnswerAsync);

    private async Task AnswerAsync(HttpContext context)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } cap) cap.MaxRequestBodySize = MaxBody;
        var issuer = (string)context.Request.RouteValues["issuer"]!;
        try
        {
            if (!IsAllowed(issuer, context.Request.Headers.Authorization))
            {
                await notes.NoteAsync("scim.refused", "the directory's secret is missing or wrong", "gateway", issuer.Length <= 64 ? issuer : issuer[..64]).ConfigureAwait(false);
                context.Response.Headers.WWWAuthenticate = "Bearer";
                throw new ScimException(StatusCodes.Status401Unauthorized, null, "the bearer token is missing or wrong");
            }
            var parts = ((string?)context.Request.RouteValues["rest"] ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries);
            var (status, body) = parts switch
            {
                ["Users"] or ["Groups"] or ["Users", _] or ["Groups", _] => await ResourceAsync(context, issuer, parts[0] == "Users", parts.Length == 2 ? parts[1] : null).ConfigureAwait(false),
                _ when HttpMethods.IsGet(context.Request.Method) => (StatusCodes.Status200OK, About(parts)),
                _ => throw new ScimException(StatusCodes.Status404NotFound, null, "there is nothing at this address"),
            };
            await WriteAsync(context, status, body).ConfigureAwait(false);
        }
        catch (ScimException refused)
        {
            await WriteAsync(context, refused.Status, ScimText.Json(json => ScimText.Error(json, refused.Status, refused.Type, refused.Message))).ConfigureAwait(false);
        }
    }

    private bool IsAllowed(string issuer, string? authorization)
    {
        // Hashed before they are compared, and compared in constant time: neither length nor content shows in the time that it takes.
        var isKnown = _secrets.TryGetValue(issuer, out var secret);
        var given = authorization is not null && authorization.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase) ? authorization[Scheme.Length..].Trim() : "";
        return CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(given)), secret ?? new byte[SHA256.HashSizeInBytes]) && isKnown;
    }

    private async ValueTask<(int Status, ReadOnlyMemory<byte> Body)> ResourceAsync(HttpContext context, string issuer, bool isUser, string? id)
    {
        var root = $"{publicUrl}/scim/{issuer}/v2";
        var method = context.Request.Method;
        if (HttpMethods.IsGet(method)) return (StatusCodes.Status200OK, isUser ? await ReadUsersAsync(context, issuer, id, root).ConfigureAwait(false) : await ReadGroupsAsync(context, issuer, id, root).ConfigureAwait(false));
        if (HttpMethods.IsDelete(method) && id is not null)
        {
            _ = isUser ? await directory.DeleteUserAsync(issuer, id).ConfigureAwait(false) : await directory.DeleteGroupAsync(issuer, id).ConfigureAwait(false);
            return (StatusCodes.Status204NoContent, default);
        }
        var isAdding = HttpMethods.IsPost(method) && id is null;
        var isPatch = HttpMethods.IsPatch(method);
        if (!isAdding && (id is null || !(HttpMethods.IsPut(method) || isPatch))) throw new ScimException(StatusCodes.Status405MethodNotAllowed, null, "the resource does not take this method");
        var body = await BodyAsync(context).ConfigureAwait(false);
        var status = isAdding ? StatusCodes.Status201Created : StatusCodes.Status200OK;
        if (isUser)
        {
            var user = isAdding ? await directory.AddAsync(ScimChange.User(body, new ScimUser("", issuer, null, "", null, IsActive: true))).ConfigureAwait(false)
                : await directory.ChangeAsync(issuer, id!, (ScimUser before) => isPatch ? ScimChange.Patch(before, body) : ScimChange.User(body, before)).ConfigureAwait(false);
            return (status, ScimText.Json(json => ScimText.Write(json, user, root)));
        }
        var group = isAdding ? await directory.AddAsync(ScimChange.Group(body, new ScimGroup("", issuer, null, "", []))).ConfigureAwait(false)
            : await directory.ChangeAsync(issuer, id!, (ScimGroup before) => isPatch ? ScimChange.Patch(before, body) : ScimChange.Group(body, before)).ConfigureAwait(false);
        return (status, ScimText.Json(json => ScimText.Write(json, group, root, withMembers: true)));
    }

    private async ValueTask<ReadOnlyMemory<byte>> ReadUsersAsync(HttpContext context, string issuer, string? id, string root)
    {
        if (id is not null)
        {
            return await directory.UsersAsync(issuer, user => user.Id == id).ConfigureAwait(false) is [var one] ? ScimText.Json(json => ScimText.Write(json, one, root)) : throw new ScimException(StatusCodes.Status404NotFound, null, "there is no such user");
        }
        var (name, value) = FilterOf(context, "userName", "externalId", "id");
        var users = await directory.UsersAsync(issuer, user => name switch
        {
            null => true,
            "username" => string.Equals(user.UserName, value, StringComparison.OrdinalIgnoreCase),
            "externalid" => user.ExternalId == value,
            _ => user.Id == value,
        }).ConfigureAwait(false);
        var (start, count) = PageOf(context);
        return ScimText.Json(json => ScimText.List(json, users, start, count, (json, user) => ScimText.Write(json, user, root)));
    }

    private async ValueTask<ReadOnlyMemory<byte>> ReadGroupsAsync(HttpContext context, string issuer, string? id, string root)
    {
        var withMembers = !context.Request.Query["excludedAttributes"].ToString().Split(',').Contains("members", StringComparer.OrdinalIgnoreCase);
        if (id is not null)
        {
            return await directory.GroupsAsync(issuer, group => group.Id == id).ConfigureAwait(false) is [var one] ? ScimText.Json(json => ScimText.Write(json, one, root, withMembers)) : throw new ScimException(StatusCodes.Status404NotFound, null, "there is no such group");
        }
        var (name, value) = FilterOf(context, "displayName", "externalId", "id");
        var groups = await directory.GroupsAsync(issuer, group => name switch
        {
            null => true,
            "displayname" => group.DisplayName == value,
            "externalid" => group.ExternalId == value,
            _ => group.Id == value,
        }).ConfigureAwait(false);
        var (start, count) = PageOf(context);
        return ScimText.Json(json => ScimText.List(json, groups, start, count, (json, group) => ScimText.Write(json, group, root, withMembers)));
    }

    private static ReadOnlyMemory<byte> About(string[] parts) => parts switch
    {
        ["ServiceProviderConfig"] => ScimText.Json(static json => ScimText.Server(json, MaxResults)),
        ["ResourceTypes"] => ScimText.Json(static json => ScimText.List(json, ["User", "Group"], 1, 2, ScimText.ResourceType)),
        ["ResourceTypes", "User" or "Group"] => ScimText.Json(json => ScimText.ResourceType(json, parts[1])),
        ["Schemas"] => ScimText.Json(static json => ScimText.List(json, ["User", "Group"], 1, 2, ScimText.Schema)),
        ["Schemas", ScimText.UserSchema] => ScimText.Json(static json => ScimText.Schema(json, "User")),
        ["Schemas", ScimText.GroupSchema] => ScimText.Json(static json => ScimText.Schema(json, "Group")),
        _ => throw new ScimException(StatusCodes.Status404NotFound, null, "there is nothing at this address"),
    };

    /// <summary>One comparison, which is what directories ask; anything else would have to be understood in part, and is refused.</summary>
    private static (string? Name, string Value) FilterOf(HttpContext context, params ReadOnlySpan<string> names)
    {
        var filter = context.Request.Query["filter"].ToString();
        if (filter.Length == 0) return (null, "");
        if (Comparison().Match(filter) is { Success: true } match)
        {
            foreach (var name in names)
            {
                if (!string.Equals(name, match.Groups["name"].Value, StringComparison.OrdinalIgnoreCase)) continue;
                if (TokenText.Parse(Encoding.UTF8.GetBytes($$"""{"v":{{match.Groups["value"].Value}}}""")) is { } value) return (name.ToLowerInvariant(), value.GetProperty("v").GetString()!);
            }
        }
        throw new ScimException(StatusCodes.Status400BadRequest, "invalidFilter", $"expected one comparison: {string.Join(", ", names.ToArray().Select(name => $"{name} eq \"...\""))}");
    }

    private static (int Start, int Count) PageOf(HttpContext context)
    {
        var start = Number(context.Request.Query["startIndex"].ToString(), 1);
        var count = Number(context.Request.Query["count"].ToString(), 100);
        return (Math.Max(1, start), Math.Clamp(count, 0, MaxResults));
    }

    private static int Number(string text, int otherwise) => text.Length == 0 ? otherwise
        : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number
        : throw new ScimException(StatusCodes.Status400BadRequest, "invalidValue", "expected whole numbers as startIndex and count");

    private static async ValueTask<JsonElement> BodyAsync(HttpContext context)
    {
        try
        {
            using var document = await JsonDocument.ParseAsync(context.Request.Body, new JsonDocumentOptions { MaxDepth = 16, AllowDuplicateProperties = false }, context.RequestAborted).ConfigureAwait(false);
            if (document.RootElement.ValueKind == JsonValueKind.Object) return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            // told below
        }
        throw new ScimException(StatusCodes.Status400BadRequest, "invalidSyntax", "expected one JSON object");
    }

    private static Task WriteAsync(HttpContext context, int status, ReadOnlyMemory<byte> body)
    {
        var response = context.Response;
        response.StatusCode = status;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        if (body.IsEmpty) return Task.CompletedTask;
        response.ContentType = ScimText.MediaType;
        response.ContentLength = body.Length;
        return response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }

    [GeneratedRegex("^\\s*(?:urn:ietf:params:scim:schemas:core:2\\.0:(?:User|Group):)?(?<name>[A-Za-z]{1,32})\\s+eq\\s+(?<value>\"(?:[^\"\\\\]|\\\\.){0,512}\")\\s*$", RegexOptions.IgnoreCase | RegexOptions.NonBacktracking | RegexOptions.CultureInvariant)]
    private static partial Regex Comparison();
}
