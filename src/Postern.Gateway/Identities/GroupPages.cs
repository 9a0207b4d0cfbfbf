using System.Collections.Immutable;
using System.Text.Json;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Identities;

/// <summary>
/// Reads the pages of <c>transitiveMemberOf</c> (Microsoft Graph v1.0). Pages come from the configured host and path alone, and are bounded
/// in number; a list that does not end is no list.
/// </summary>
internal sealed class GroupPages(DirectoryOptions options, DocumentClient documents)
{
    /// <summary>The most groups of one principal.</summary>
    public const int MaxGroups = 10_000;

    /// <summary>The most pages; each has up to 999 entries.</summary>
    public const int MaxPages = 20;

    private const string Group = "#microsoft.graph.group";

    public sealed record Result(ImmutableArray<string> Groups, string? Problem, bool IsUnknown = false);

    public async Task<Result> ReadAsync(Guid principal, bool isWorkload, string token, CancellationToken cancellationToken)
    {
        var start = new Uri($"{options.Url.TrimEnd('/')}/{(isWorkload ? "servicePrincipals" : "users")}/{principal:D}/transitiveMemberOf");
        var next = new Uri($"{start.AbsoluteUri}?$select=id&$top=999");
        var groups = ImmutableArray.CreateBuilder<string>();
        for (var page = 0; page < MaxPages; page++)
        {
            var (body, problem) = await documents.GetAsync(next, token, cancellationToken).ConfigureAwait(false);
            if (body is null) return new([], problem, problem!.EndsWith("status 404", StringComparison.Ordinal));
            if (TokenText.Parse(body) is not { } json || !json.TryGetProperty("value", out var values) || values.ValueKind != JsonValueKind.Array) return new([], "the directory's answer is no list of memberships");
            foreach (var value in values.EnumerateArray())
            {
                if (value.ValueKind != JsonValueKind.Object || TokenText.Text(value, "@odata.type") is not { } type || TokenText.Text(value, "id") is not { Length: > 0 } id) return new([], "the directory's answer is no list of memberships");
                if (type != Group) continue;
                groups.Add(id);
                if (groups.Count > MaxGroups) return new([], $"the directory lists more than {MaxGroups} groups");
            }
            if (!json.TryGetProperty("@odata.nextLink", out var link)) return new(groups.DrainToImmutable(), null);

            // The link is the directory's word, and the directory's token travels with it: it leads to the same host, scheme, port and path, or nowhere.
            if (link.ValueKind != JsonValueKind.String || !Uri.TryCreate(link.GetString(), UriKind.Absolute, out var following) || following.UserInfo.Length > 0
                || following.GetLeftPart(UriPartial.Path) != start.GetLeftPart(UriPartial.Path))
            {
                return new([], "the directory's next page is elsewhere");
            }
            next = following;
        }
        return new([], $"the directory's answer has more than {MaxPages} pages");
    }
}
