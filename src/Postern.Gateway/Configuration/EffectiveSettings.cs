using System.Collections;
using System.Globalization;
using System.Net;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Postern.Gateway.Configuration;

/// <summary>
/// The configuration in force as a list of paths and what may be told of each: numbers, switches, durations and names as they are; of every
/// other text only a keyed digest, which says that it changed and never what it is. A setting that nobody thought of here is a digest.
/// </summary>
internal static class EffectiveSettings
{
    private const int MaxDepth = 12;

    // Texts that name things. Whatever is not here may be a secret, or hold one.
    private static readonly HashSet<string> _told = new(StringComparer.Ordinal)
    {
        "Name", "Protocol", "Authority", "Preset", "Audience", "Audiences", "Tenants", "ClientId", "GroupsClaim", "RolesClaim", "Algorithms", "Types", "Scopes", "Scope", "ProviderScopes", "Subject", "Issuer",
        "Tags", "HostNames", "Address", "Host", "People", "AllowedOrigins", "AllowedHosts", "Policy", "Data", "BehindProxy", "Groups", "Header", "User", "Workspace", "Channel", "From", "To", "Id",
        "DocumentHosts", "Exchanges", "Certificate", "File", "Bucket", "Region", "Prefix",
    };

    private static readonly HashSet<string> _urls = new(StringComparer.Ordinal) { "Url", "PublicUrl", "Management", "Kubernetes", "TokenUrl", "Api", "OpenApi" };

    /// <summary>Every setting by its path, in order.</summary>
    /// <param name="options">The configuration.</param>
    /// <param name="key">Under which digests are made; it stays in the data folder.</param>
    public static SortedDictionary<string, string> Of(GatewayOptions options, byte[] key)
    {
        var settings = new SortedDictionary<string, string>(StringComparer.Ordinal);
        Members(settings, "", options, key, 0);
        return settings;
    }

    private static void Members(SortedDictionary<string, string> to, string path, object of, byte[] key, int depth)
    {
        if (depth > MaxDepth) throw new InvalidOperationException($"the settings below `{path}` have no end");
        foreach (var property in of.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.GetIndexParameters().Length > 0 || property.Name == "EqualityContract") continue;
            var name = char.ToLowerInvariant(property.Name[0]) + property.Name[1..];
            Value(to, path.Length == 0 ? name : $"{path}.{name}", property.Name, property.GetValue(of), key, depth + 1);
        }
    }

    private static void Value(SortedDictionary<string, string> to, string path, string name, object? value, byte[] key, int depth)
    {
        switch (value)
        {
            case null:
                return;
            case string text:
                to[path] = _told.Contains(name) ? text : _urls.Contains(name) ? Place(text, key) : Digest(text, key);
                return;
            case bool or Enum or sbyte or byte or short or ushort or int or uint or long or ulong or float or double or decimal or TimeSpan or DateTimeOffset or IPNetwork or IPAddress:
                to[path] = Convert.ToString(value, CultureInfo.InvariantCulture)!;
                return;
            case IDictionary pairs:
                foreach (DictionaryEntry pair in pairs) Value(to, $"{path}.{pair.Key}", "", pair.Value, key, depth);
                return;
            case ICollection or IEnumerable when IsDefault(value):
                return;
            case IEnumerable items:
                var at = 0;
                foreach (var item in items)
                {
                    Value(to, $"{path}.{NameOf(item) ?? at.ToString(CultureInfo.InvariantCulture)}", name, item, key, depth);
                    at++;
                }
                return;
            default:
                var type = value.GetType();
                if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(KeyValuePair<,>))
                {
                    // A pair's name is a name; what it is set to may be anything.
                    Value(to, $"{path}.{type.GetProperty("Key")!.GetValue(value)}", "", type.GetProperty("Value")!.GetValue(value), key, depth);
                }
                else if (type.Namespace?.StartsWith("Postern.", StringComparison.Ordinal) == true)
                {
                    if (type.IsSubclassOf(typeof(Delegate))) return;
                    to[path] = "set";
                    Members(to, path, value, key, depth);
                }
                else
                {
                    to[path] = Digest(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "", key);
                }
                return;
        }
    }

    /// <summary>An address without what could open it: a user's name and password, a query. What is left out counts in the digest beside it.</summary>
    private static string Place(string text, byte[] key)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url)) return Digest(text, key);
        return url.UserInfo.Length == 0 && url.PathAndQuery is "/" or "" && url.Fragment.Length == 0 ? text : $"{url.GetComponents(UriComponents.SchemeAndServer, UriFormat.UriEscaped)} {Digest(text, key)}";
    }

    private static string Digest(string text, byte[] key) => "hmac:" + Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text)).AsSpan(0, 12));

    private static string? NameOf(object? item) => item is null or string ? null : item.GetType().GetProperty("Name")?.GetValue(item) as string;

    // An array that was never set throws when it is asked for its items.
    private static bool IsDefault(object value) => value.GetType().GetProperty("IsDefault")?.GetValue(value) is true;
}
